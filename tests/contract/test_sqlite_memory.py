from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.memory_contract import MemoryContract

from llamabot.adapters.sqlite import SqliteMemory
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import UserMessage

ODD_NAMES = ("a", "A", "a ", "'; DROP TABLE turns; --", "%", "", "nul\0a", "nul\0b", "\N{LLAMA}", "e\u0301", "\xe9")


class TestSqliteMemory(MemoryContract):
    def make(self, folder: Path, turns: int | None = None) -> SqliteMemory:
        return SqliteMemory(folder / "chat.db", "user-7", turns=turns)

    def test_keeps_conversations_with_odd_names_apart(self, tmp_path: Path) -> None:
        memories = {name: SqliteMemory(tmp_path / "chat.db", name) for name in ODD_NAMES}
        for name, memory in memories.items():
            memory.remember([UserMessage(f"to {name!r}")])
        memories["a"].clear()
        for name, memory in memories.items():
            with memory:
                assert memory.recall() == (() if name == "a" else (UserMessage(f"to {name!r}"),))

    def test_a_turn_is_found_by_who_opens_the_file_later(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as memory:
            memory.remember([UserMessage("hi")])
        with self.make(tmp_path) as memory:
            assert memory.recall() == (UserMessage("hi"),)

    def test_refuses_a_name_that_no_file_can_hold(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="surrogates"):
            SqliteMemory(tmp_path / "chat.db", "\ud800")
