"""A change that was accepted once stays accepted: the run goes on, is told again and is replayed with today's bot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


@lmb.tool(needs_approval=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def agent(prompt: str, recorder: InMemoryRecorder, *script: Any) -> lmb.AgentBot:
    return lmb.AgentBot(prompt, tools=[pay], completion=ScriptedCompletion(script), recorder=recorder)


def asking(call_id: str) -> lmb.AssistantMessage:
    return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall(call_id, "pay", '{"euros": 5}'),))


def test_it_stays_accepted(tmp_path: Path) -> None:
    recorder = InMemoryRecorder(durable=True)
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        agent("Pay.", recorder, asking("a")).run("go")
    run_id = str(waits.value.run_id)
    with pytest.raises(lmb.errors.ReplayDiverged):
        agent("Pay kindly.", recorder).resume(run_id, approvals={"a": True})
    with pytest.raises(lmb.errors.ApprovalNeeded):
        agent("Pay kindly.", recorder, asking("b")).resume(run_id, approvals={"a": True}, accept_changes=True)

    result = agent("Pay kindly.", recorder, "done").resume(run_id, approvals={"b": True})
    assert result.text == "done"
    recorder.export(run_id, tmp_path / "run.json")
    for recording in (run_id, tmp_path / "run.json"):
        assert agent("Pay kindly.", recorder).replay(recording).messages == result.messages
        for other in ("Pay.", "Pay rudely."):
            with pytest.raises(lmb.errors.ReplayDiverged):
                agent(other, recorder).replay(recording)
