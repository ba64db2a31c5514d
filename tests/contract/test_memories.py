"""The memories keep the promises of their port, in both colours, and those that are the library's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llamabot.adapters.fake.memory import ChatMemory
from llamabot.adapters.sqlite import SqliteMemory
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import UserMessage
from llamabot.testing.contracts import AsyncMemoryContract, MemoryContract
from llamabot.testing.faults import faulty

ODD_NAMES = ("a", "A", "a ", "'; DROP TABLE turns; --", "%", "", "nul\0a", "nul\0b", "\N{LLAMA}", "e\u0301", "\xe9")


class OwnMemoryContract(MemoryContract):
    """Memories of this library can be cleared too, and refuse a window that is none."""

    windows = (None, 1, 2, 4)

    def test_forgets_when_told_to(self) -> None:
        with self.made() as memory:
            memory.clear()
            memory.remember([UserMessage("one")])
            memory.clear()
            assert memory.recall() == ()
            memory.remember([UserMessage("two")])
            assert memory.recall() == (UserMessage("two"),)

    @pytest.mark.parametrize("window", [0, -1, 1.5, "20"])
    def test_refuses_a_window_without_a_turn(self, window: Any, tmp_path: Path) -> None:
        self.window, self.folder = window, tmp_path
        with pytest.raises(ConfigurationError, match="a whole number from 1 on"):
            self.make()


class TestChatMemory(OwnMemoryContract):
    def make(self) -> ChatMemory:
        return ChatMemory(self.window)

    def test_takes_no_more_room_than_its_window_needs(self) -> None:
        memory = ChatMemory(turns=3)
        for number in range(1000):
            memory.remember([UserMessage(str(number))])
            assert len(memory._turns) < 6
        assert [message.text for message in memory.recall()] == ["997", "998", "999"]


class TestAsyncChatMemory(AsyncMemoryContract):
    examples = 20
    windows = (3, None)

    def make(self) -> ChatMemory:
        return ChatMemory(self.window)


class TestFaultlessMemory(MemoryContract):
    examples = 20

    def make(self) -> ChatMemory:
        return faulty(ChatMemory(self.window), [])


class TestAsyncFaultlessMemory(AsyncMemoryContract):
    examples = 20

    def make(self) -> ChatMemory:
        return faulty(ChatMemory(self.window), [None])


class TestSqliteMemory(OwnMemoryContract):
    def make(self) -> SqliteMemory:
        return SqliteMemory(self.folder / "chat.db", "user-7", turns=self.window)

    def make_other(self) -> SqliteMemory:
        return SqliteMemory(self.folder / "chat.db", "user-8", turns=self.window)

    def reopen(self, memory: SqliteMemory) -> SqliteMemory:
        memory.close()
        return self.make()

    def test_keeps_conversations_with_odd_names_apart(self, tmp_path: Path) -> None:
        memories = {name: SqliteMemory(tmp_path / "chat.db", name) for name in ODD_NAMES}
        for name, memory in memories.items():
            memory.remember([UserMessage(f"to {name!r}")])
        memories["a"].clear()
        for name, memory in memories.items():
            with memory:
                assert memory.recall() == (() if name == "a" else (UserMessage(f"to {name!r}"),))

    def test_refuses_a_name_that_no_file_can_hold(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="surrogates"):
            SqliteMemory(tmp_path / "chat.db", "\ud800")
