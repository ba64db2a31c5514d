"""A module of the user's own in the folder that commands run in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.app.agents.asked import OWN


@pytest.fixture(autouse=True)
def own(project: Path) -> Iterator[None]:
    """A module of the user's own in the working folder."""
    (project / "own.py").write_text(OWN)
    (project / "broken.py").write_text("import nowhere_to_be_found")
    (project / "raising.py").write_text("1 / 0")
    yield
    for name in ("own", "broken", "raising"):
        sys.modules.pop(name, None)
