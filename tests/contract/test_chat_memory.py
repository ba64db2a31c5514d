from __future__ import annotations

from pathlib import Path

from tests.contract.memory_contract import MemoryContract

from llamabot.adapters.fake.memory import ChatMemory
from llamabot.ports.messages import UserMessage


class TestChatMemory(MemoryContract):
    def make(self, folder: Path, turns: int | None = None) -> ChatMemory:
        return ChatMemory(turns)

    def test_takes_no_more_room_than_its_window_needs(self) -> None:
        memory = ChatMemory(turns=3)
        for number in range(1000):
            memory.remember([UserMessage(str(number))])
            assert len(memory._turns) < 6
        assert [message.text for message in memory.recall()] == ["997", "998", "999"]
