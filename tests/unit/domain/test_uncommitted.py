"""Where the log cannot be committed, nothing is done that must be in it, and the run's own error says so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from tests.unit.domain.asking import agent_of, asks

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished, EffectStarted
from llamabot.testing import InMemoryRecorder


class Full(InMemoryRecorder):
    """Takes everything in, and commits nothing that holds an event of this kind."""

    def __init__(self, kind: type[EffectStarted | EffectFinished], effect: str) -> None:
        super().__init__(durable=True)
        self._holds: Callable[[Any], bool] = lambda event: isinstance(event, kind) and event.effect == effect

    def append(self, events: Any) -> Any:
        done = super().append(events)
        if not any(map(self._holds, events)):
            return done
        ticket: Future[None] = Future()
        ticket.set_exception(lmb.errors.RecorderError("the disk is full"))
        return ticket


def test_tools_that_must_not_run_twice_are_not_called_where_their_start_is_not_committed() -> None:
    called: list[str] = []

    @lmb.tool(idempotent=False)
    def send(whom: str) -> str:
        """Send."""
        called.append(whom)
        return "sent"

    log = Full(EffectStarted, "call_tool")
    agent, _ = agent_of(asks(("send", {"whom": "Ann"}), ("send", {"whom": "Bo"})), tools=[send], recorder=log)
    with pytest.raises(lmb.errors.RecorderError, match="the disk is full") as caught:
        agent("?")
    (run,) = log.runs()
    assert (caught.value.run_id, called) == (run.run_id, [])


def test_an_approval_that_is_not_committed_does_not_count() -> None:
    paid: list[int] = []

    @lmb.tool(needs_approval=True)
    def pay(euros: int) -> str:
        """Pay."""
        paid.append(euros)
        return "paid"

    log = Full(EffectFinished, "ask_approval")
    agent, _ = agent_of(asks(("pay", {"euros": 1})), "done", tools=[pay], recorder=log)
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        agent("?")
    run_id = str(waits.value.run_id)
    with pytest.raises(lmb.errors.RecorderError, match="the disk is full") as caught:
        agent.resume(run_id, approvals={"a": True})
    assert (caught.value.run_id, paid) == (run_id, [])
