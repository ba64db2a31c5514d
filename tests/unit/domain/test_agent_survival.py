"""What the reference agent does when a run breaks off, waits, is stopped, or is told again. The design links here."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from pocketflow import Flow, Node
from tests.unit.domain.asking import agent_of, asks, told

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

REFUND = ("refund", {"euros": 400, "order": "A-1"})


class Till:
    """Tools that note what they did; the first `broken` calls of `pay` are cut off after they had their effect."""

    def __init__(self, broken: int = 0) -> None:
        self.did: list[str] = []
        self.keys: list[str] = []
        self._broken = broken

    @lmb.tool
    def look(self) -> str:
        """Look."""
        self.did.append("look")
        return "seen"

    @lmb.tool
    def pay(self, context: lmb.RunContext[Any]) -> str:
        """Pay; again is the same."""
        return self._paid("pay", context)

    @lmb.tool(idempotent=False)
    def pay_once(self, context: lmb.RunContext[Any]) -> str:
        """Pay, but never twice."""
        return self._paid("pay_once", context)

    @lmb.tool(needs_approval=True)
    def refund(self, order: str, euros: int) -> str:
        """Pay back."""
        self.did.append(f"refund {euros}")
        return f"{euros} euros were paid back for {order}"

    def _paid(self, name: str, context: lmb.RunContext[Any]) -> str:
        self.did.append(name)
        self.keys.append(context.idempotency_key)
        if len(self.did) <= self._broken:
            raise KeyboardInterrupt
        return "paid"


def _cut_off(agent: lmb.AgentBot, log: InMemoryRecorder) -> str:
    with pytest.raises(KeyboardInterrupt):
        agent("?")
    [run] = log.runs(limit=1)
    assert run.status == "cancelled"
    return run.run_id


def _paused(agent: lmb.AgentBot, error: type[lmb.errors.RunPaused], **arguments: Any) -> lmb.errors.RunPaused:
    with pytest.raises(error) as caught:
        agent.run("?", **arguments)
    return caught.value


# -- resume --


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
    run_id = _cut_off(agent, log)
    assert agent.resume(run_id).text == "paid"
    assert till.did == ["pay", "pay"]
    assert till.keys == [f"{run_id}:2"] * 2


def test_a_tool_that_must_not_run_twice_waits_until_someone_says_how_it_ended() -> None:
    till, log = Till(broken=1), InMemoryRecorder(durable=True)
    agent, model = agent_of(asks(("pay_once", {})), "paid", tools=[till.pay_once], recorder=log)
    run_id = _cut_off(agent, log)
    for _ in range(2):
        with pytest.raises(lmb.errors.ToolOutcomeUnknown) as caught:
            agent.resume(run_id)
        assert [call.id for call in caught.value.calls] == ["a"]
        assert [run.status for run in log.runs()] == ["paused"]
    result = agent.resume(run_id, outcomes={"a": "the bank says: paid"})
    assert till.did == ["pay_once"]
    assert told(model.requests[-1].messages) == told(result.messages) == ["the bank says: paid"]


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


# -- approvals --


def test_a_call_waits_for_a_yes_after_the_others_have_run() -> None:
    till, log = Till(), InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(REFUND, ("look", {})), "well", tools=[till.refund, till.look], recorder=log)
    error = _paused(agent, lmb.errors.ApprovalNeeded)
    assert [(call.id, call.name) for call in error.calls] == [("a", "refund")]
    assert till.did == ["look"]
    assert [run.status for run in log.runs()] == ["paused"]
    result = agent.resume(str(error.run_id), approvals={"a": True})
    assert told(result.messages) == ["400 euros were paid back for A-1", "seen"]
    assert till.did == ["look", "refund 400"]


def test_arguments_that_were_changed_are_used_and_told(tmp_path: Path) -> None:
    till, log = Till(), InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(REFUND), "well", tools=[till.refund], recorder=log)
    error = _paused(agent, lmb.errors.ApprovalNeeded)
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
    error = _paused(agent, lmb.errors.ApprovalNeeded)
    result = agent.resume(str(error.run_id), approvals={"a": lmb.Denied("too dear", by="ana")})
    assert told(result.messages) == ["The call was denied: too dear. It has not run."]
    assert till.did == []


@pytest.mark.parametrize("answer", [False, "yes", 1, None])
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    till = Till()
    agent, _ = agent_of(asks(REFUND), "well", tools=[till.refund])
    error = _paused(agent, lmb.errors.ApprovalNeeded)
    with pytest.raises(lmb.errors.UsageError, match="an approval is True"):
        agent.resume(str(error.run_id), approvals={"a": answer})
    with pytest.raises(lmb.errors.UsageError, match=r"does not wait for .*'b'"):
        agent.resume(str(error.run_id), approvals={"b": True})
    assert till.did == []


def test_who_approved_stands_in_the_log() -> None:
    log = InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(REFUND), "well", tools=[Till().refund], recorder=log)
    error = _paused(agent, lmb.errors.ApprovalNeeded)
    result = agent.resume(str(error.run_id), approvals={"a": lmb.Approved(by="ana")})
    trace = lmb.read_trace(log.events(result.run_id))
    [asked] = [effect for effect in trace.effects if effect.effect == "ask_approval"]
    assert asked.outcome == {"answer": "approved", "by": "ana"}
    assert asked.finished_ns is not None
    assert asked.finished_ns > 0


# -- stop --


def test_a_cancelled_task_cancels_its_async_tool_and_leaves_a_run_to_go_on_with() -> None:
    stopped: list[str] = []
    log, begun = InMemoryRecorder(), asyncio.Event()

    async def sleep() -> str:
        if stopped:
            return "slept"
        begun.set()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            stopped.append("stopped")
            raise
        return "never"

    async def main() -> lmb.Result[Any]:
        model = ScriptedCompletion([asks(("sleep", {})), "good morning"])
        agent = lmb.AsyncAgentBot(tools=[sleep], completion=model, recorder=log)
        async with agent.stream("?") as events:
            async for event in events:
                if isinstance(event, lmb.Decided):
                    break
        task = asyncio.create_task(agent.resume(next(log.runs()).run_id))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        await asyncio.wait([task])
        assert next(log.runs()).status == "cancelled"
        return await agent.resume(next(log.runs()).run_id)

    assert asyncio.run(main()).text == "good morning"
    assert stopped == ["stopped"]


def _events(log: InMemoryRecorder) -> Any:
    return log.events(next(log.runs()).run_id)


def test_a_stream_that_is_left_leaves_a_run_to_go_on_with() -> None:
    log = InMemoryRecorder()
    agent, model = agent_of(asks(("look", {})), "well", tools=[Till().look], recorder=log)
    with agent.stream("?") as events:
        next(events)
    [run] = log.runs()
    assert run.status == "cancelled"
    assert agent.resume(run.run_id).text == "well"
    model.assert_finished()


def test_a_deaf_tool_is_left_in_a_daemon_thread_and_told_of_in_the_log() -> None:
    seen: list[Any] = []
    began, over = threading.Event(), threading.Event()

    def deaf(context: lmb.RunContext[Any]) -> None:
        seen.extend([threading.current_thread(), context])
        began.set()
        over.wait(10)

    async def main() -> None:
        model = ScriptedCompletion([asks(("deaf", {}), ("look", {}))])
        task = asyncio.create_task(
            lmb.AsyncAgentBot(tools=[deaf, Till().look], completion=model, recorder=log).run("?")
        )
        await asyncio.to_thread(began.wait, 10)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    log = InMemoryRecorder()
    asyncio.run(main())
    thread, context = seen
    assert (thread.daemon, context.cancelled) == (True, True)
    failed = [effect for effect in lmb.read_trace(_events(log)).effects if effect.error]
    assert [effect.call.name for effect in failed if effect.call] == ["deaf"]
    over.set()
    thread.join(10)


# -- replay --


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
