"""Recorders that are right, and how the wrong ones are made of them."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.ports.recorder import RunEvent
from llamabot.testing.contracts import RecorderContract

replaced: Any = msgspec.structs.replace


Ticket = Future[None] | None


class RecorderHooks:
    adapter: Any
    examples = 12

    def make(self) -> Any:
        return self.adapter()


class FileHooks(RecorderHooks):
    """Of recorders on a file, which here is a list of what was committed to it."""

    folder: Path

    def make(self) -> Any:
        self.files: dict[Path, list[RunEvent]] = getattr(self, "files", {})
        return self.adapter(self.files.setdefault(self.folder, []))

    def reopen(self, recorder: Any) -> Any:
        recorder.close()
        return self.make()


sync = wrong(RecorderHooks, RecorderContract)


class PlainRecorder(InMemoryRecorder):
    """A right recorder."""


class DurableRecorder(InMemoryRecorder):
    """A right recorder with tickets."""

    def __init__(self) -> None:
        super().__init__(durable=True)
