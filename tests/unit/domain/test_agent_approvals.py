"""What an agent does that waits for a yes. The design links to these tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.domain.asking import agent_of, asks, told
from tests.unit.domain.till import Till

import llamabot as lmb
from llamabot.testing import InMemoryRecorder

REFUND = ("refund", {"euros": 400, "order": "A-1"})


def paused(agent: lmb.AgentBot, error: type[lmb.errors.RunPaused], **arguments: Any) -> lmb.errors.RunPaused:
    with pytest.raises(error) as caught:
        agent.run("?", **arguments)
    return caught.value


def test_a_call_waits_for_a_yes_after_the_others_have_run() -> None:
    till, log = Till(), InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(REFUND, ("look", {})), "well", tools=[till.refund, till.look], recorder=log)
    error = paused(agent, lmb.errors.ApprovalNeeded)
    assert [(call.id, call.name) for call in error.calls] == [("a", "refund")]
    assert till.did == ["look"]
    assert [run.status for run in log.runs()] == ["paused"]
    result = agent.resume(str(error.run_id), approvals={"a": True})
    assert told(result.messages) == ["400 euros were paid back for A-1", "seen"]
    assert till.did == ["look", "refund 400"]


def test_arguments_that_were_changed_are_used_and_told(tmp_path: Path) -> None:
    till, log = Till(), InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(REFUND), "well", tools=[till.refund], recorder=log)
    error = paused(agent, lmb.errors.ApprovalNeeded)
    answer = lmb.Approved(by="ana", arguments={"order": "A-1", "euros": 100})
    result = agent.resume(str(error.run_id), approvals={"a": answer})
    assert till.did == ["refund 100"]
    assert "were changed to" in told(result.messages)[0]
    log.export(result.run_id, tmp_path / "a.llamabot.json")  # which has keys in an order of its own
    assert (
        agent.replay(tmp_path / "a.llamabot.json").messages == agent.replay(result.run_id).messages == result.messages
    )


def test_a_denial_is_told_and_nothing_runs() -> None:
    till = Till()
    agent, _ = agent_of(asks(REFUND), "sorry", tools=[till.refund])
    error = paused(agent, lmb.errors.ApprovalNeeded)
    result = agent.resume(str(error.run_id), approvals={"a": lmb.Denied("too dear", by="ana")})
    assert told(result.messages) == ["The call was denied: too dear. It has not run."]
    assert till.did == []


@pytest.mark.parametrize("answer", [False, "yes", 1, None])
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    till = Till()
    agent, _ = agent_of(asks(REFUND), "well", tools=[till.refund])
    error = paused(agent, lmb.errors.ApprovalNeeded)
    with pytest.raises(lmb.errors.UsageError, match="an approval is True"):
        agent.resume(str(error.run_id), approvals={"a": answer})
    with pytest.raises(lmb.errors.UsageError, match=r"does not wait for .*'b'"):
        agent.resume(str(error.run_id), approvals={"b": True})
    assert till.did == []


def test_who_approved_stands_in_the_log() -> None:
    log = InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(REFUND), "well", tools=[Till().refund], recorder=log)
    error = paused(agent, lmb.errors.ApprovalNeeded)
    result = agent.resume(str(error.run_id), approvals={"a": lmb.Approved(by="ana")})
    trace = lmb.read_trace(log.events(result.run_id))
    [asked] = [effect for effect in trace.effects if effect.effect == "ask_approval"]
    assert asked.outcome == {"answer": "approved", "by": "ana"}
    assert asked.finished_ns is not None
    assert asked.finished_ns > 0
