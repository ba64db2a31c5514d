"""A provider of its own for each test, and settings that no earlier test has read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llamabot.app.provider import AppProvider
from llamabot.ports.provider import set_provider_factory


@pytest.fixture
def provider() -> Iterator[AppProvider]:
    """The process-wide provider, new."""
    made = AppProvider()
    set_provider_factory(lambda: made)
    yield made
    set_provider_factory(AppProvider)
