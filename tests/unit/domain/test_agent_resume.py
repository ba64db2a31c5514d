"""What an agent does whose run broke off. The design links to these tests."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from pocketflow import Flow, Node
from tests.unit.domain.asking import agent_of, asks, told
from tests.unit.domain.till import Till

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


def cut_off(agent: lmb.AgentBot, log: InMemoryRecorder) -> str:
    with pytest.raises(KeyboardInterrupt):
        agent("?")
    [run] = log.runs(limit=1)
    assert run.status == "cancelled"
    return run.run_id


def test_what_finished_is_neither_asked_nor_done_again() -> None:
    till, log = Till(), InMemoryRecorder(durable=True)
    down = lmb.errors.ProviderUnavailable("down")
    agent, model = agent_of(asks(("look", {})), down, "seen it", tools=[till.look], recorder=log)
    with pytest.raises(lmb.errors.ProviderUnavailable) as caught:
        agent("?")
    result = agent.resume(str(caught.value.run_id))
    assert (result.text, result.run_id, result.from_log) == ("seen it", caught.value.run_id, False)
    assert till.did == ["look"]
    assert len(model.requests) == 3
    assert model.requests[2] == model.requests[1]


def test_an_error_that_ended_the_run_is_tried_again_and_one_that_was_survived_is_not() -> None:
    class Stubborn(Node):
        def exec(self, prep_res: Any) -> Any:
            request = lmb.CompletionRequest("", (lmb.user("?"),))
            try:
                yield from lmb.effects.Complete(request)
            except lmb.errors.RateLimited:
                answer = yield from lmb.effects.Complete(request)
                return answer.message.text

        def post(self, shared: lmb.AgentState, prep_res: Any, exec_res: str) -> None:
            shared.end(exec_res)

    slow, down = lmb.errors.RateLimited("slow down"), lmb.errors.ProviderUnavailable("down")
    agent, model = agent_of(slow, down, "at last", graph=Flow(start=Stubborn()))
    with pytest.raises(lmb.errors.ProviderUnavailable) as caught:
        agent("?")
    assert agent.resume(str(caught.value.run_id)).value == "at last"
    assert len(model.requests) == 3


def test_a_tool_that_was_cut_off_runs_again_under_the_same_key() -> None:
    till, log = Till(broken=1), InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(("pay", {})), "paid", tools=[till.pay], recorder=log)
    run_id = cut_off(agent, log)
    assert agent.resume(run_id).text == "paid"
    assert till.did == ["pay", "pay"]
    assert till.keys == [f"{run_id}:2"] * 2


def test_a_tool_that_must_not_run_twice_waits_until_someone_says_how_it_ended() -> None:
    till, log = Till(broken=1), InMemoryRecorder(durable=True)
    agent, model = agent_of(asks(("pay_once", {})), "paid", tools=[till.pay_once], recorder=log)
    run_id = cut_off(agent, log)
    for _ in range(2):
        with pytest.raises(lmb.errors.ToolOutcomeUnknown) as caught:
            agent.resume(run_id)
        assert [call.id for call in caught.value.calls] == ["a"]
        assert caught.value.asked_by == run_id
        assert [run.status for run in log.runs()] == ["paused"]
    result = agent.resume(run_id, outcomes={"a": "the bank says: paid"})
    assert till.did == ["pay_once"]
    assert told(model.requests[-1].messages) == told(result.messages) == ["the bank says: paid"]


def test_an_outcome_that_someone_tells_is_believed_once_it_is_in_the_log() -> None:
    class Full(InMemoryRecorder):
        is_full = False

        def append(self, events: Any) -> Any:
            if not self.is_full or not any(isinstance(event, EffectFinished) for event in events):
                return super().append(events)
            ticket: Future[None] = Future()
            ticket.set_exception(lmb.errors.RecorderError("the disk is full"))
            return ticket

    till, log = Till(broken=1), Full(durable=True)
    agent, model = agent_of(asks(("pay_once", {})), "paid", tools=[till.pay_once], recorder=log)
    run_id = cut_off(agent, log)
    log.is_full = True
    with pytest.raises(lmb.errors.RecorderError, match="the disk is full") as caught:
        agent.resume(run_id, outcomes={"a": "the bank says: paid"})
    assert (caught.value.run_id, len(model.requests)) == (run_id, 1)
    log.is_full = False
    assert agent.resume(run_id, outcomes={"a": "the bank says: paid"}).text == "paid"


def test_a_changed_prompt_stops_a_resume_before_anything_is_done() -> None:
    log = InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(("look", {})), tools=[Till().look], recorder=log, limits=lmb.Limits(decisions=1))
    with pytest.raises(lmb.errors.LimitReached) as caught:
        agent("?")
    till, model = Till(), ScriptedCompletion(["well"])
    other = lmb.AgentBot("You are another.", tools=[till.look], recorder=log, completion=model)
    run_id = str(caught.value.run_id)
    with pytest.raises(lmb.errors.ReplayDiverged, match="You are another"):
        other.resume(run_id, limits=lmb.Limits())
    assert (till.did, model.requests) == ([], ())
    result = other.resume(run_id, limits=lmb.Limits(), accept_changes=True)
    assert (result.text, told(result.messages)) == ("well", ["seen"])


def test_a_larger_limit_goes_on_where_the_smaller_one_stopped() -> None:
    till = Till()
    agent, model = agent_of(asks(("look", {})), asks(("look", {}), ids="b"), "seen twice", tools=[till.look])
    with pytest.raises(lmb.errors.LimitReached) as caught:
        agent("?", limits=lmb.Limits(decisions=1))
    run_id = str(caught.value.run_id)
    with pytest.raises(lmb.errors.LimitReached):
        agent.resume(run_id, limits=lmb.Limits(decisions=2))
    assert agent.resume(run_id, limits=lmb.Limits(decisions=3)).text == "seen twice"
    assert (till.did, len(model.requests)) == (["look", "look"], 3)


def test_a_completed_run_is_told_from_its_log() -> None:
    @lmb.tool(terminal=True)
    def end(plain: bool) -> Any:
        """End."""
        return {"n": 1} if plain else object()

    log = InMemoryRecorder()
    agent, _ = agent_of(asks(("end", {"plain": True})), asks(("end", {"plain": False})), tools=[end], recorder=log)
    kept, lost = agent.run("?"), agent.run("?")
    before = [event for run in (kept, lost) for event in log.events(run.run_id)]
    again = agent.resume(kept.run_id)
    assert (again.value, again.from_log, kept.from_log) == ({"n": 1}, True, False)
    gone = agent.resume(lost.run_id).value
    assert isinstance(gone, lmb.ValueNotKept)
    assert "object object" in gone.text
    assert [event for run in (kept, lost) for event in log.events(run.run_id)] == before


def test_a_run_is_in_one_hand_at_a_time() -> None:
    log = InMemoryRecorder(durable=True)
    met: list[str] = []

    def meddle(context: lmb.RunContext[Any]) -> str:
        with pytest.raises(lmb.errors.RunBusy):
            agent.resume(context.run_id)
        met.append("busy")
        return "busy"

    agent, _ = agent_of(asks(("meddle", {})), "well", tools=[meddle], recorder=log)
    agent("?")
    assert met == ["busy"]


@pytest.mark.parametrize("name", ["pay_once", "refund"])
def test_a_log_that_could_forget_is_refused_when_the_agent_is_made(name: str) -> None:
    tools = [getattr(Till(), name)]
    with pytest.raises(lmb.errors.ConfigurationError, match=f"{name}: .*durable=True"):
        agent_of(tools=tools, durable=False)
    agent, _ = agent_of(tools=tools)
    with pytest.raises(lmb.errors.ConfigurationError, match=name):
        agent.with_(recorder=InMemoryRecorder())


def test_a_run_inside_a_run_goes_on_with_it() -> None:
    def stop(request: lmb.CompletionRequest) -> str:
        raise KeyboardInterrupt

    till, log = Till(), InMemoryRecorder(durable=True)
    model = ScriptedCompletion([asks(("inner", {"question": "deep?"})), asks(("look", {})), stop])
    inner = lmb.AgentBot("Inside.", tools=[till.look], name="inner", completion=model, recorder=log)
    outer = lmb.AgentBot("Outside.", tools=[inner.as_tool()], name="outer", completion=model, recorder=log)
    with pytest.raises(KeyboardInterrupt):
        outer("?")
    [run] = [run for run in log.runs() if run.bot == "outer"]
    [inside] = log.runs(parent_id=run.run_id)
    with lmb.override(completion=(rest := ScriptedCompletion(["deep", "very deep"]))):
        assert outer.resume(run.run_id).text == "very deep"
    rest.assert_finished()
    assert till.did == ["look"]
    assert [(again.run_id, again.status) for again in log.runs(parent_id=run.run_id)] == [(inside.run_id, "completed")]
