"""The contract of memories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from llamabot.ports.messages import AssistantMessage, Message, ToolMessage, UserMessage
from llamabot.ports.tools import ToolCall
from llamabot.testing.contracts.at_once import Awaited, all_at_once
from llamabot.testing.contracts.contract import Contract, needs, not_made
from llamabot.testing.strategies import conversations

__all__ = ["AsyncMemoryContract", "MemoryContract"]

_THREADS = 8
_TURNS = 25


class MemoryContract(Contract):
    """Promises of `MemoryPort`: `recall` and `remember`.

        class TestMyMemory(MemoryContract):
            def make(self):
                return MyMemory(self.folder / "chat.db", turns=self.window)

    A memory keeps one conversation as turns. `remember(turn)` adds the messages of one turn, `recall()` returns the
    messages of all turns that are kept.

    - A new memory recalls `()`. What `recall` returns is a tuple.
    - Turns come back oldest first, however many there are, message for message: user, assistant and tool messages with
      all that they have (parts, images, calls, reasoning, `provider_data`, `is_error`), any text of any length.
    - A memory with a window keeps the latest turns, whole ones; it counts turns, not messages, so that calls are never
      apart from their results. Without a window it keeps all.
    - An empty turn adds nothing, and pushes nothing out of the window.
    - The same turn twice is two turns.
    - What was recalled does not change when more is remembered; a list that was given may change afterwards.
    - Threads share it: no turn is lost or mixed with another, and none is ever seen in part.
    - Two memories that are made for different conversations know nothing of each other (`make_other`).
    - What was remembered is recalled by who opens the memory again (`reopen`).
    - A memory that has the methods of both colours recalls the same in both.

    Attributes:
        windows: most turns that memories are made to keep, each of them tried, None for all. `make` finds the one to
            make in `self.window`.
        folder: an empty folder for what the memory keeps on a disk; of one example, and gone after it.
    """

    capabilities: ClassVar = {"other conversations": "`make_other` makes a memory beside the first"}
    windows: ClassVar[Sequence[int | None]] = (None,)
    window: int | None = None
    folder: Path

    def make(self) -> Any:
        """Return an empty memory."""
        raise not_made(self)

    def make_other(self) -> Any:
        """Return the memory of another conversation, which lies where the one of `make` does; by default a new one."""
        return self.make()

    def reopen(self, memory: Any) -> Any:
        """Return the memory as who comes later finds it: closed, and made again. By default it lives in the process."""
        return memory

    @contextmanager
    def made(self, window: int | None = None) -> Iterator[Any]:
        """Lend a memory to one example."""
        with TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self.window = window if window in self.windows else self.windows[0]
            self._open = self.make()
            try:
                yield self.called(self._open)
            finally:
                _close(self._open)

    def called(self, memory: Any) -> Any:
        """Return a memory as the tests call it."""
        return memory

    def kept(self, turns: Sequence[Sequence[Message]]) -> tuple[Message, ...]:
        """Return what is recalled after these turns."""
        whole = [turn for turn in turns if turn]
        return tuple(message for turn in whole[-(self.window or len(whole)) :] for message in turn)

    def test_remembers_nothing_at_first(self) -> None:
        with self.made() as memory:
            assert memory.recall() == ()

    def test_recalls_whole_turns_message_for_message(self) -> None:
        @self.searching
        @given(turns=st.lists(conversations(), max_size=6), window=st.sampled_from(list(self.windows)))
        def check(turns: list[list[Message]], window: int | None) -> None:
            with self.made(window) as memory:
                for number, turn in enumerate(turns, 1):
                    memory.remember(turn)
                    assert memory.recall() == self.kept(turns[:number])

        check()

    def test_never_parts_calls_from_their_results(self) -> None:
        turn = (
            UserMessage("two times three?"),
            AssistantMessage(tool_calls=(ToolCall("1", "multiply", "[2, 3]"), ToolCall("2", "add", "[2, 3]"))),
            ToolMessage("6", "1"),
            ToolMessage("overflow", "2", is_error=True),
            AssistantMessage("6", reasoning="a product", provider_data={"signature": "aGk="}),
        )
        for window in self.windows:
            with self.made(window) as memory:
                for times in range(1, 6):
                    memory.remember(turn)
                    assert memory.recall() == self.kept([turn] * times)

    def test_keeps_the_order_of_many_turns(self) -> None:
        turns: list[list[Message]] = [
            [UserMessage(f"{number}"), AssistantMessage(f"{number}, yes")] for number in range(120)
        ]
        for window in self.windows:
            with self.made(window) as memory:
                for turn in turns:
                    memory.remember(turn)
                assert memory.recall() == self.kept(turns)

    def test_keeps_a_long_text_to_its_end(self) -> None:
        turn = (UserMessage("a question, and " * 20_000), AssistantMessage("an answer, and " * 20_000))
        with self.made() as memory:
            memory.remember(turn)
            assert memory.recall() == turn

    def test_what_was_remembered_is_recalled_by_who_opens_it_again(self) -> None:
        turns = [(UserMessage(text), AssistantMessage("yes")) for text in ("one", "two", "three")]
        with self.made() as memory:
            for number, turn in enumerate(turns, 1):
                memory.remember(turn)
                self._open = self.reopen(self._open)
                memory = self.called(self._open)
                assert memory.recall() == self.kept(turns[:number])

    def test_an_empty_turn_adds_nothing_and_pushes_nothing_out(self) -> None:
        for window in self.windows:
            with self.made(window) as memory:
                memory.remember([UserMessage("hi")])
                for _ in range(window or 1):
                    memory.remember([])
                assert memory.recall() == (UserMessage("hi"),)

    def test_what_was_recalled_does_not_change(self) -> None:
        with self.made() as memory:
            memory.remember([UserMessage("one")])
            recalled = memory.recall()
            memory.remember([UserMessage("two")])
            assert recalled == (UserMessage("one"),)

    def test_keeps_no_hold_of_the_list_it_was_given(self) -> None:
        with self.made() as memory:
            turn = [UserMessage("one")]
            memory.remember(turn)
            turn.append(UserMessage("two"))
            assert memory.recall() == (UserMessage("one"),)

    def test_turns_of_threads_are_all_there_and_never_mixed(self) -> None:
        with self.made() as memory:

            def work(thread: int) -> None:
                for number in range(_TURNS):
                    memory.remember([UserMessage(f"{thread}.{number}"), AssistantMessage(f"{thread}.{number}")])
                    assert len(memory.recall()) % 2 == 0, "a turn was seen in part"

            all_at_once(work, _THREADS)
            recalled = [message.text for message in memory.recall()]
            expected = {f"{thread}.{number}" for thread in range(_THREADS) for number in range(_TURNS)}
            assert recalled[::2] == recalled[1::2]
            assert len(set(recalled)) == min(len(expected), self.window or len(expected))
            assert set(recalled) <= expected

    @needs("other conversations")
    def test_keeps_conversations_apart(self) -> None:
        with self.made() as memory:
            made = self.make_other()
            other = self.called(made)
            try:
                memory.remember([UserMessage("here")])
                assert other.recall() == ()
                other.remember([UserMessage("there")])
                assert (memory.recall(), other.recall()) == ((UserMessage("here"),), (UserMessage("there"),))
            finally:
                _close(made)

    def test_is_the_same_memory_in_both_colours(self) -> None:
        with self.made() as memory:
            port = getattr(memory, "port", memory)
            if hasattr(port, "recall") and hasattr(port, "arecall"):
                port.remember([UserMessage("one")])
                Awaited(port).remember([UserMessage("two")])
                assert (
                    Awaited(port).recall() == port.recall() == self.kept([[UserMessage("one")], [UserMessage("two")]])
                )


class AsyncMemoryContract(MemoryContract):
    """Promises of `AsyncMemoryPort`: those of `MemoryPort`, kept by `arecall` and `aremember`."""

    def called(self, memory: Any) -> Any:
        """Return a memory as the tests call it."""
        return Awaited(memory)


def _close(memory: Any) -> None:
    if hasattr(memory, "close"):
        memory.close()
    elif hasattr(memory, "aclose"):
        Awaited(memory).close()
