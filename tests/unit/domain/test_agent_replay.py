"""What an agent does that is told again from its log. The design links to these tests."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from pocketflow import Flow
from tests.unit.domain.asking import agent_of, asks
from tests.unit.domain.till import Till

import llamabot as lmb
from llamabot.testing import InMemoryRecorder


def test_a_replay_touches_nothing(tmp_path: Path) -> None:
    till, log = Till(), InMemoryRecorder()
    agent, model = agent_of(asks(("look", {})), "well", tools=[till.look], recorder=log)
    result = agent.run("?")
    log.export(result.run_id, tmp_path / "incident.llamabot.json")
    before = log.events(result.run_id)
    for recording in (result.run_id, str(tmp_path / "incident.llamabot.json")):
        again = agent.replay(recording)
        assert (again.messages, again.usage, again.from_log) == (result.messages, result.usage, True)
    assert till.did == ["look"]
    assert len(model.requests) == 2
    assert log.events(result.run_id) == before
    assert len(list(log.runs())) == 1


def test_a_replay_of_an_agent_that_has_changed_shows_the_difference() -> None:
    log = InMemoryRecorder()
    agent, _ = agent_of("well", tools=[], recorder=log)
    result = agent.run("?")
    other = lmb.AgentBot("You have changed.", recorder=log)
    with pytest.raises(lmb.errors.ReplayDiverged, match=r'(?s)-.*"You are an agent\."\s.*[+].*"You have changed\."'):
        other.replay(result.run_id)


def test_a_replay_that_ends_before_its_log_does_is_no_replay() -> None:
    decide = lmb.DecideNode()
    decide - "(calls)" >> lmb.EndNode()
    decide - "(answer)" >> lmb.EndNode()
    agent, _ = agent_of(asks(("look", {})), "well", tools=[Till().look], recorder=(log := InMemoryRecorder()))
    result = agent.run("?")
    hasty, _ = agent_of(tools=[Till().look], graph=Flow(start=decide), recorder=log)
    with pytest.raises(lmb.errors.ReplayDiverged, match=r"goes on with 2 \(call_tool\), 3 \(complete\)"):
        hasty.replay(result.run_id)


def test_a_replay_raises_what_the_run_ended_with() -> None:
    agent, _ = agent_of(asks(("look", {})), tools=[Till().look], limits=lmb.Limits(decisions=1))
    with pytest.raises(lmb.errors.LimitReached) as caught:
        agent("?")
    with pytest.raises(lmb.errors.LimitReached) as again:
        agent.replay(str(caught.value.run_id))
    assert again.value.limit == "decisions"


def test_an_outcome_is_committed_before_the_next_effect_begins() -> None:
    class Slow(InMemoryRecorder):
        """Commits late, on another thread, and notes what is open when something is appended."""

        open_at_append: list[int]

        def __init__(self) -> None:
            super().__init__(durable=True)
            self._open, self.open_at_append = 0, []

        def append(self, events: Any) -> Any:
            self.open_at_append.append(self._open)
            super().append(events)
            finished = [event for event in events if type(event).__name__ == "EffectFinished"]
            ticket: Future[None] = Future()
            self._open += len(finished)

            def commit() -> None:
                time.sleep(0.01)
                self._open -= len(finished)
                ticket.set_result(None)

            threading.Thread(target=commit, daemon=True).start()
            return ticket

    log = Slow()
    agent, _ = agent_of(asks(("look", {})), "well", tools=[Till().look], recorder=log)
    agent("?")
    assert log.open_at_append == [0] * 7
