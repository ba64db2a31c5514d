"""A turn that was stored when the run broke off is not stored again, and one that was not is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


class Breaking:
    """A memory at whose `remember` the process is interrupted once: before the turn is stored, or after."""

    def __init__(self, memory: Any, when: str) -> None:
        self._memory, self._when = memory, when
        self.recall = memory.recall

    def remember(self, turn: Sequence[lmb.Message]) -> None:
        when, self._when = self._when, ""
        if when == "before":
            raise KeyboardInterrupt
        self._memory.remember(turn)
        if when == "after":
            raise KeyboardInterrupt


@lmb.tool
def look() -> str:
    """Look."""
    return "seen"


def bot(kind: Any, memory: Any, recorder: InMemoryRecorder, *script: Any) -> Any:
    settings = {"tools": [look]} if "Agent" in kind.__name__ else {}
    completion = ScriptedCompletion(script)
    return kind("Talk.", completion=completion, memory=memory, recorder=recorder, **settings)


def now(answer: Any) -> Any:
    return asyncio.run(answer) if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("kind", [lmb.SimpleBot, lmb.AgentBot, lmb.AsyncAgentBot])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("said_before", "window"), [(0, 2), (1, 2), (3, None)])
def test_a_turn_is_in_the_conversation_once(
    tmp_path: Path, kind: Any, when: str, said_before: int, window: int | None
) -> None:
    """Though the same was said before, word for word."""
    recorder = InMemoryRecorder()
    call = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "look", "{}"),))
    script = ["hello"] if kind is lmb.SimpleBot else [call, "hello"]
    with lmb.SqliteMemory(tmp_path / "memory.db", "talk", turns=window) as kept:
        first = bot(kind, kept, recorder, *script * said_before)
        for _ in range(said_before):
            now(first.run("hi"))
        with pytest.raises(KeyboardInterrupt):
            now(bot(kind, Breaking(kept, when), recorder, *script).run("hi"))
        (broken,) = recorder.runs(status="cancelled")
        assert now(bot(kind, kept, recorder).resume(broken.run_id)).text == "hello"
    with lmb.SqliteMemory(tmp_path / "memory.db", "talk", turns=None) as whole:
        said = [message.text for message in whole.recall() if isinstance(message, lmb.UserMessage)]
    assert said == ["hi"] * (said_before + 1)
