"""Memories that are wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.ports.messages import AssistantMessage, Message, ToolMessage, UserMessage
from llamabot.testing.contracts import AsyncMemoryContract, MemoryContract

replaced: Any = msgspec.structs.replace


class PlainMemory:
    """A right memory: a list of turns, and a lock."""

    def __init__(self, window: int | None) -> None:
        self.window = window
        self.turns: list[tuple[Message, ...]] = []
        self.lock = threading.Lock()

    def recall(self) -> Any:
        with self.lock:
            kept = self.turns if self.window is None else self.turns[-self.window :]
            return tuple(chain.from_iterable(kept))

    def remember(self, turn: Sequence[Message]) -> None:
        if turn:
            with self.lock:
                self.turns.append(tuple(turn))

    async def arecall(self) -> Any:
        return self.recall()

    async def aremember(self, turn: Sequence[Message]) -> None:
        self.remember(turn)


class MemoryHooks:
    adapter: Any
    examples = 20
    windows = (None, 3, 1)
    window: int | None

    def make(self) -> Any:
        return self.adapter(self.window)


class NamedHooks(MemoryHooks):
    """Of memories that lie together, each under a name."""

    def make(self) -> Any:
        self.rows: list[Any] = []
        return self.adapter(self.window, self.rows, "user-1")

    def make_other(self) -> Any:
        return self.adapter(self.window, self.rows, "user-12")


class FileHooks(MemoryHooks):
    """Of memories on a file, which here is a list of what was committed to it."""

    file: list[Any]

    def make(self) -> Any:
        self.file = []
        return self.adapter(self.window, self.file)

    def make_other(self) -> Any:
        return self.adapter(self.window, [])

    def reopen(self, memory: Any) -> Any:
        return self.adapter(self.window, self.file)


sync = wrong(MemoryHooks, MemoryContract)
reopened = wrong(FileHooks, MemoryContract)
awaited = wrong(MemoryHooks, AsyncMemoryContract)


@sync
class CountsMessages(PlainMemory):
    """Counts messages, not turns, for its window."""

    def recall(self) -> Any:
        messages = tuple(chain.from_iterable(self.turns))
        return messages if self.window is None else messages[-self.window :]


@sync
class OneTurnTooMany(PlainMemory):
    """Keeps one turn more than its window."""

    def __init__(self, window: int | None) -> None:
        super().__init__(window and window + 1)


@sync
class EmptyTurnsCount(PlainMemory):
    """Lets an empty turn push another one out."""

    def remember(self, turn: Sequence[Message]) -> None:
        self.turns.append(tuple(turn))


@sync
class NoTwins(PlainMemory):
    """Takes the same turn twice for one."""

    def remember(self, turn: Sequence[Message]) -> None:
        if tuple(turn) not in self.turns:
            super().remember(turn)


@sync
class AList(PlainMemory):
    """Recalls a list."""

    def recall(self) -> Any:
        return list(super().recall())


@sync
class ProviderDataForgotten(PlainMemory):
    """Stores of an answer all but the provider's own fields."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember(
            [
                replaced(message, provider_data=None) if isinstance(message, AssistantMessage) else message
                for message in turn
            ]
        )


@sync
class FailuresForgiven(PlainMemory):
    """Forgets which tools had failed."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember(
            [replaced(message, is_error=False) if isinstance(message, ToolMessage) else message for message in turn]
        )


@sync
class TextsOnly(PlainMemory):
    """Stores the text of what the user says, without its pictures."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember(
            [UserMessage(message.text) if isinstance(message, UserMessage) else message for message in turn]
        )


@sync
class OrderOfTheirNames(PlainMemory):
    """Sorts the turns by their numbers as text, so that the tenth comes before the second."""

    def recall(self) -> Any:
        turns = dict(sorted((str(number), turn) for number, turn in enumerate(self.turns)))
        return tuple(chain.from_iterable([*turns.values()][-(self.window or len(turns)) :]))


@sync
class LongTextsCut(PlainMemory):
    """Keeps as much of a text as its column holds."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember([replaced(one, content=one.content[:65_535]) for one in turn])


@reopened
class NeverCommits(PlainMemory):
    """Writes its turns, and never commits them."""

    def __init__(self, window: int | None, file: list[Any]) -> None:
        super().__init__(window)
        self.file = file
        self.turns = [*file]


@sync
class OneForAll(PlainMemory):
    """Has one list for all memories, as a default argument does."""

    def __init__(self, window: int | None, turns: list[Any] = []) -> None:  # noqa: B006 - this is the bug
        super().__init__(window)
        self.turns = turns


@sync
class NewestFirst(PlainMemory):
    """Recalls the newest turn first."""

    def recall(self) -> Any:
        kept = self.turns if self.window is None else self.turns[-self.window :]
        return tuple(chain.from_iterable(reversed(kept)))


@sync
class HoldsTheCallersList(PlainMemory):
    """Keeps the list that it was given, which changes with its owner."""

    def remember(self, turn: Any) -> None:
        if turn:
            self.turns.append(turn)


@sync
class MessageByMessage(PlainMemory):
    """Stores a turn message by message, so that turns of two threads mix."""

    def remember(self, turn: Sequence[Message]) -> None:
        if turn:
            self.turns.append(())
            place = len(self.turns) - 1
            for message in turn:
                time.sleep(0)
                self.turns[place] = (*self.turns[place], message)


@sync
class ToolsForgotten(PlainMemory):
    """Keeps what the user and the model said, and leaves out the results of tools."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember([message for message in turn if not isinstance(message, ToolMessage)])


@sync
class OddCharactersReplaced(PlainMemory):
    """Stores text as UTF-8, with a question mark for what that cannot hold."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember([_encoded(message) for message in turn])


def _encoded(message: Any) -> Any:
    if not isinstance(message.content, str):
        return message
    return replaced(message, content=message.content.encode("ascii", "replace").decode())


@wrong(NamedHooks, MemoryContract)
class RowsOfAnother(PlainMemory):
    """Recalls the rows of every conversation whose name begins as its own does."""

    def __init__(self, window: int | None, rows: list[Any], name: str) -> None:
        super().__init__(window)
        self.rows, self.name = rows, name

    def recall(self) -> Any:
        self.turns = [turn for name, turn in self.rows if name.startswith(self.name)]
        return super().recall()

    def remember(self, turn: Sequence[Message]) -> None:
        if turn:
            self.rows.append((self.name, tuple(turn)))


@awaited
class TwinForgets(PlainMemory):
    """Remembers in the async twin what the sync one never recalls."""

    def __init__(self, window: int | None) -> None:
        super().__init__(window)
        self.awaited = PlainMemory(window)

    async def arecall(self) -> Any:
        return self.awaited.recall()

    async def aremember(self, turn: Sequence[Message]) -> None:
        self.awaited.remember(turn)


@awaited
class TwinHasNoWindow(PlainMemory):
    """Keeps all turns in the async twin."""

    async def arecall(self) -> Any:
        return tuple(chain.from_iterable(self.turns))
