"""Stores of a few documents for tests of `QueryBot`, in every colour, and bots on them."""

from __future__ import annotations

import threading
from typing import Any

import llamabot as lmb
from llamabot.testing import InMemoryDocStore, InMemoryRecorder, ScriptedCompletion

__all__ = ["LINKERS", "AsyncOnly", "Away", "Blocking", "bot", "linkers"]

LINKERS = (
    lmb.Document(id="mold", text="mold is a linker: the fast linker", source="tools.md", metadata={"lang": "en"}),
    lmb.Document(id="lld", text="lld is a linker of LLVM", source="llvm.md", metadata={"lang": "en"}),
    lmb.Document(id="ld", text="ld ist ein Binder, auf Englisch linker", source="binder.md", metadata={"lang": "de"}),
)


def linkers(**settings: Any) -> InMemoryDocStore:
    """Return a store in which the question "linker" finds mold, lld, ld, in this order."""
    return InMemoryDocStore(LINKERS, **settings)


def bot(script: Any, *, kind: Any = lmb.QueryBot, **settings: Any) -> tuple[Any, ScriptedCompletion]:
    """Return a bot on the store of linkers, and the model that it asks."""
    completion = ScriptedCompletion(script)
    parts = {"docstore": linkers(), "completion": completion, "recorder": InMemoryRecorder(), **settings}
    return kind("Answer from the passages.", **parts), completion


class AsyncOnly:
    """A store that can only be awaited."""

    relevant_score = 0.0

    async def asearch(self, query: str, **how: Any) -> Any:
        return linkers().search(query, **how)


class Blocking:
    """A store that is only sync, and blocks until it is freed.

    Attributes:
        thread: that searched it.
        begun: set when it is searched.
        waited_in_vain: whether nobody has freed it.
    """

    relevant_score = 0.0

    def __init__(self) -> None:
        self.freed, self.begun = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        self.waited_in_vain = False

    def search(self, query: str, **how: Any) -> Any:
        self.thread = threading.current_thread()
        self.begun.set()
        self.waited_in_vain = not self.freed.wait(20)
        return linkers().search(query, **how)


class Away:
    """A store that cannot be read."""

    relevant_score = 0.0

    def search(self, query: str, **how: Any) -> Any:
        raise lmb.errors.DocStoreError("the disk is away")
