"""Models for maps, which answer, fail and take their time text by text, and maps in both colours."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason
from llamabot.testing import CountingIds, FunctionCompletion, InMemoryRecorder, VirtualClock

__all__ = ["BOTH", "BOTS", "COLOURS", "Fate", "Model", "bot", "fates", "mapped", "seen"]

COLOURS = ("sync", "async")
BOTH = pytest.mark.parametrize("colour", COLOURS)
BOTS: Mapping[str, type[Any]] = {"sync": lmb.SimpleBot, "async": lmb.AsyncSimpleBot}


class Fate(msgspec.Struct, frozen=True):
    """What becomes of one text.

    Attributes:
        failures: errors that may pass, before it is answered.
        refused: the provider refuses it, each time.
        turns: of the event loop that an answer takes.
    """

    failures: int = 0
    refused: bool = False
    turns: int = 0


def fates(most_failures: int = 4) -> st.SearchStrategy[Fate]:
    """What may become of a text; most are answered at once."""
    return st.builds(Fate, st.sampled_from([0, 0, 0, 1, most_failures]), st.sampled_from([False] * 4 + [True]), TURNS)


TURNS = st.integers(0, 12)


class Model(FunctionCompletion):
    """Answers a text with itself in capitals, unless it has another fate.

    Attributes:
        asked: how often each text was.
        most: most requests at once.
    """

    def __init__(self, fates: Mapping[str, Fate] | None = None) -> None:
        super().__init__(self._answer)
        self._fates = fates or {}
        self._lock = threading.Lock()
        self._running = 0
        self.asked: Counter[str] = Counter()
        self.most = 0

    def complete(self, request: CompletionRequest) -> Completion:
        self._enter()
        try:
            return super().complete(request)
        finally:
            self._leave()

    async def acomplete(self, request: CompletionRequest) -> Completion:
        self._enter()
        try:
            for _ in range(self._fate(request).turns):
                await asyncio.sleep(0)
            return super().complete(request)
        finally:
            self._leave()

    def _answer(self, request: CompletionRequest) -> Any:
        text, fate = request.messages[-1].text, self._fate(request)
        with self._lock:
            self.asked[text] += 1
        if fate.refused:
            return lmb.errors.RequestRejected(f"{text} is refused")
        if self.asked[text] <= fate.failures:
            return lmb.errors.ProviderUnavailable(f"{text} must wait")
        return Completion(lmb.assistant(text.upper()), FinishReason.STOP, lmb.Usage(3, 2), 0.25)

    def _fate(self, request: CompletionRequest) -> Fate:
        return self._fates.get(request.messages[-1].text, Fate())

    def _enter(self) -> None:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1


def bot(colour: str, model: Any = None, **settings: Any) -> Any:
    """Return a bot on fakes; waiting takes no time."""
    parts = {"recorder": InMemoryRecorder(durable=True), "clock": VirtualClock(), "ids": CountingIds(), **settings}
    return BOTS[colour]("Shout.", model="fake", completion=model or Model(), **parts)


def mapped(bot: Any, inputs: Iterable[Any], **settings: Any) -> list[lmb.MapItem[Any]]:
    """Map a bot of either colour and return all its items."""

    async def awaited() -> list[Any]:
        async with bot.map(inputs, **settings) as items:
            return [item async for item in items]

    if hasattr(bot.map([]), "__anext__"):
        return asyncio.run(awaited())
    with bot.map(inputs, **settings) as items:
        return list(items)


def seen(items: Iterable[lmb.MapItem[Any]]) -> list[tuple[Any, ...]]:
    """Return what can be seen of items, but for the names of their runs."""
    return [
        (item.index, item.input, item.value and item.value.text, type(item.error), str(item.error), item.usage)
        for item in items
    ]
