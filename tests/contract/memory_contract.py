"""What every memory does: a class of tests to inherit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import AssistantMessage, Message, ToolMessage, UserMessage
from llamabot.ports.tools import ToolCall
from llamabot.testing.strategies import conversations


class MemoryContract:
    """Say how a memory with a window is made."""

    def make(self, folder: Path, turns: int | None = None) -> Any:
        """Return an empty memory; what it keeps on a disk is in the folder."""
        raise NotImplementedError

    @contextmanager
    def made(self, turns: int | None = None) -> Iterator[Any]:
        """Lend a memory to one example."""
        with TemporaryDirectory() as folder:
            memory = self.make(Path(folder), turns)
            yield memory
            close = getattr(memory, "close", None)
            if close:
                close()

    @pytest.fixture
    def memory(self) -> Iterator[Any]:
        with self.made() as memory:
            yield memory

    def test_remembers_nothing_at_first(self, memory: Any) -> None:
        assert memory.recall() == ()

    def test_recalls_whole_turns_message_for_message(self) -> None:
        @settings(max_examples=40)
        @given(given_turns=st.lists(conversations(), max_size=6), window=st.none() | st.integers(1, 4))
        def check(given_turns: list[list[Message]], window: int | None) -> None:
            with self.made(window) as memory:
                kept: list[list[Message]] = []
                for turn in given_turns:
                    memory.remember(turn)
                    kept += [turn] if turn else []
                    expected = [message for turn in kept[-(window or len(kept)) :] for message in turn]
                    assert list(memory.recall()) == expected

        check()

    def test_never_parts_calls_from_their_results(self) -> None:
        turn = (
            UserMessage("two times three?"),
            AssistantMessage(tool_calls=(ToolCall("1", "multiply", "[2, 3]"), ToolCall("2", "add", "[2, 3]"))),
            ToolMessage("6", "1"),
            ToolMessage("overflow", "2", is_error=True),
            AssistantMessage("6", reasoning="a product", provider_data={"signature": "aGk="}),
        )
        with self.made(turns=2) as memory:
            for _ in range(5):
                memory.remember(turn)
            assert memory.recall() == turn + turn

    def test_an_empty_turn_adds_nothing_and_pushes_nothing_out(self) -> None:
        with self.made(turns=1) as memory:
            memory.remember([UserMessage("hi")])
            memory.remember([])
            assert memory.recall() == (UserMessage("hi"),)

    def test_what_was_recalled_does_not_change(self, memory: Any) -> None:
        memory.remember([UserMessage("one")])
        recalled = memory.recall()
        memory.remember([UserMessage("two")])
        assert recalled == (UserMessage("one"),)

    def test_keeps_no_hold_of_the_list_it_was_given(self, memory: Any) -> None:
        turn = [UserMessage("one")]
        memory.remember(turn)
        turn.append(UserMessage("two"))
        assert memory.recall() == (UserMessage("one"),)

    def test_turns_of_threads_are_all_there_and_never_mixed(self) -> None:
        with self.made(turns=None) as memory:

            def work(thread: int) -> None:
                for number in range(25):
                    memory.remember([UserMessage(f"{thread}.{number}"), AssistantMessage(f"{thread}.{number}")])
                    recalled = memory.recall()
                    assert len(recalled) % 2 == 0

            _all_at_once(work, 8)
            recalled = memory.recall()
        assert [message.text for message in recalled[::2]] == [message.text for message in recalled[1::2]]
        assert {message.text for message in recalled} == {f"{t}.{n}" for t in range(8) for n in range(25)}

    def test_forgets_when_told_to(self, memory: Any) -> None:
        memory.clear()
        memory.remember([UserMessage("one")])
        memory.clear()
        assert memory.recall() == ()
        memory.remember([UserMessage("two")])
        assert memory.recall() == (UserMessage("two"),)

    def test_serves_async_callers_too_if_it_says_so(self, memory: Any) -> None:
        async def talk() -> tuple[Message, ...]:
            await memory.aremember([UserMessage("one")])
            recalled: tuple[Message, ...] = await memory.arecall()
            return recalled

        if hasattr(memory, "arecall"):
            assert asyncio.run(talk()) == memory.recall() == (UserMessage("one"),)

    @pytest.mark.parametrize("window", [0, -1, 1.5, "20"])
    def test_refuses_a_window_without_a_turn(self, window: Any, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="a whole number from 1 on"):
            self.make(tmp_path, window)


def _all_at_once(work: Any, count: int) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert failures == []
