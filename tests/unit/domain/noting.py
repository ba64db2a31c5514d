"""Ports that note what happens to them, and take their time in ways that a test can tell."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, FinishReason

__all__ = ["AwaitingMemory", "NotingCompletion", "SlowCompletion", "answer_of", "statuses"]


def answer_of(text: str) -> Completion:
    """Return a whole answer."""
    return Completion(lmb.AssistantMessage(text), FinishReason.STOP)


def statuses(recorder: Any) -> list[str]:
    """Return how the runs of a recorder ended, the oldest first."""
    return [str(run.status) for run in recorder.runs()][::-1]


class NotingCompletion:
    """Answers letter by letter, awaiting `awaits` times before each, and notes which streams were opened and closed.

    Args:
        text: the answer.
        awaits: how often the loop gets its turn before each letter and each whole answer.
        on_letter: called with each letter before it is given.
    """

    def __init__(self, text: str = "abc", awaits: int = 1, on_letter: Callable[[str], Any] = str) -> None:
        self.text = text
        self.events: list[str] = []
        self._awaits = awaits
        self._on_letter = on_letter

    def complete(self, request: CompletionRequest) -> Completion:
        self.events.append("complete")
        self._on_letter(self.text)
        return answer_of(self.text)

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        self.events.append("opened")
        try:
            for letter in self.text:
                self._on_letter(letter)
                yield CompletionChunk(text=letter)
            yield CompletionChunk(finish_reason=FinishReason.STOP)
            self.events.append("exhausted")
        finally:
            self.events.append("closed")

    async def acomplete(self, request: CompletionRequest) -> Completion:
        self.events.append("complete")
        await self._wait()
        self._on_letter(self.text)
        return answer_of(self.text)

    async def astream(self, request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        self.events.append("opened")
        try:
            for letter in self.text:
                await self._wait()
                self._on_letter(letter)
                yield CompletionChunk(text=letter)
            await self._wait()
            yield CompletionChunk(finish_reason=FinishReason.STOP)
            self.events.append("exhausted")
        finally:
            self.events.append("closed")
            await self._wait()

    def capabilities(self, model: str) -> lmb.ModelCapabilities:
        return lmb.ModelCapabilities(output_schema=True)

    async def _wait(self) -> None:
        for _ in range(self._awaits):
            await asyncio.sleep(0)


class AwaitingMemory(lmb.ChatMemory):
    """A conversation whose reads and writes give the loop its turn, before and after."""

    async def arecall(self) -> tuple[lmb.Message, ...]:
        await asyncio.sleep(0)
        messages = self.recall()
        await asyncio.sleep(0)
        return messages

    async def aremember(self, turn: Any) -> None:
        await asyncio.sleep(0)
        self.remember(turn)
        await asyncio.sleep(0)


class SlowCompletion:
    """Answers, or gives each letter but the first, after real seconds; a thread that waits can be set free.

    Attributes:
        freed: set it to end all waiting.
        waited: set when somebody has waited for all those seconds.
        ended: set when a stream was closed.
    """

    def __init__(self, seconds: float, text: str = "abc") -> None:
        self.freed = threading.Event()
        self.waited = threading.Event()
        self.ended = threading.Event()
        self.requests: list[CompletionRequest] = []
        self._seconds = seconds
        self._text = text

    def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        self._wait()
        return answer_of(self._text)

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        self.requests.append(request)
        try:
            for number, letter in enumerate(self._text):
                if number:
                    self._wait()
                yield CompletionChunk(text=letter)
            yield CompletionChunk(finish_reason=FinishReason.STOP)
        finally:
            self.ended.set()

    async def acomplete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        await self._asleep()
        return answer_of(self._text)

    async def astream(self, request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        self.requests.append(request)
        try:
            for number, letter in enumerate(self._text):
                if number:
                    await self._asleep()
                yield CompletionChunk(text=letter)
            yield CompletionChunk(finish_reason=FinishReason.STOP)
        finally:
            self.ended.set()

    def _wait(self) -> None:
        if not self.freed.wait(self._seconds):
            self.waited.set()

    async def _asleep(self) -> None:
        await asyncio.sleep(self._seconds)
        self.waited.set()

    def capabilities(self, model: str) -> lmb.ModelCapabilities:
        time.sleep(0)
        return lmb.ModelCapabilities(output_schema=True)
