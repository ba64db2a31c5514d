"""A store to ingest into."""

from __future__ import annotations

import pytest

from llamabot.testing import InMemoryDocStore


@pytest.fixture
def store() -> InMemoryDocStore:
    return InMemoryDocStore()
