"""A desk of its own for every test, with a script in the place of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import llamabot as lmb
from llamabot.testing import ScriptedCompletion
from support_desk.__main__ import KNOWLEDGE
from support_desk.container import SupportDesk
from support_desk.tests.desks import made_desk


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., SupportDesk]]:
    """Return a function that opens the desk in this test's folder, as a process that starts there would."""
    opened: list[SupportDesk] = []

    def open_desk(script: list[Any] | None = None, **replaced: Any) -> SupportDesk:
        if script is not None:
            replaced["completion"] = ScriptedCompletion(script)
        opened.append(made_desk(tmp_path, **replaced))
        lmb.ingest(KNOWLEDGE, docstore=opened[-1].help_pages())
        return opened[-1]

    yield open_desk
    for container in opened:
        container.recorder().close()
