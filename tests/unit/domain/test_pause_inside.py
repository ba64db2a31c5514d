"""A run inside another that waits for someone: the one around it waits too, and one answer serves both."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

KINDS = [lmb.AgentBot, lmb.AsyncAgentBot]


def _calls(*calls: tuple[str, str, str]) -> lmb.AssistantMessage:
    return lmb.AssistantMessage("", tool_calls=tuple(lmb.ToolCall(*call) for call in calls))


def _now(answer: Any) -> Any:
    return asyncio.run(answer) if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", KINDS)
def test_who_approves_the_outer_run_approves_the_inner_one(outer: type[Any], inner: type[Any]) -> None:
    paid: list[int] = []

    @lmb.tool(needs_approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    recorder = InMemoryRecorder(durable=True)

    def boss(clerk_says: Any, boss_says: Any) -> Any:
        clerk = inner("Clerk.", name="clerk", tools=[pay], completion=ScriptedCompletion([clerk_says]))
        return outer("Boss.", tools=[clerk.as_tool()], completion=ScriptedCompletion([boss_says]))

    with lmb.override(recorder=recorder):
        first = boss(_calls(("p", "pay", '{"amount": 5}')), _calls(("a", "clerk", '{"question": "Pay 5."}')))
        with pytest.raises(lmb.errors.ApprovalNeeded) as caught:
            _now(first.run("Go."))
        waiting = {run.bot: run for run in recorder.runs()}
        assert {run.status for run in waiting.values()} == {"paused"}
        assert caught.value.run_id == waiting[outer.__name__].run_id == waiting["clerk"].parent_id

        approval = lmb.Approved(by="the chief", arguments={"amount": 4})
        result = _now(boss("It is done.", "Done.").resume(caught.value.run_id, approvals={"p": approval}))
    assert (result.text, paid) == ("Done.", [4])
    assert [run.status for run in recorder.runs()] == ["completed", "completed"]
