"""Whom an answer is for: one call of one run, however many calls have the same id, and only while it is waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.property.agents import assert_valid

import llamabot as lmb
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion


class Till:
    """A till that counts."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.breaks = False

    @lmb.tool(needs_approval=True)
    def pay(self, euros: int) -> str:
        """Pay."""
        self.paid.append(euros)
        return f"paid {euros}"

    @lmb.tool(idempotent=False)
    def send(self, euros: int) -> str:
        """Send."""
        self._break()
        return f"sent {euros}"

    @lmb.tool
    def count(self, euros: int) -> str:
        """Count."""
        self._break()
        return f"counted {euros}"

    def _break(self) -> None:
        if self.breaks:
            self.breaks = False
            raise KeyboardInterrupt


def calls(*made: tuple[str, str, int]) -> lmb.AssistantMessage:
    named = [lmb.ToolCall(id_, name, f'{{"euros": {euros}}}') for id_, name, euros in made]
    return lmb.AssistantMessage("", tool_calls=tuple(named))


def agent(till: Till, recorder: InMemoryRecorder, *script: Any, **settings: Any) -> lmb.AgentBot:
    tools = [till.pay, till.send, till.count]
    return lmb.AgentBot("Till.", tools=tools, completion=ScriptedCompletion(script), recorder=recorder, **settings)


def paused(run: Callable[[], Any], kind: type[lmb.errors.RunPaused] = lmb.errors.ApprovalNeeded) -> Any:
    with pytest.raises(kind) as waits:
        run()
    return waits.value


def broken(till: Till, recorder: InMemoryRecorder, call: tuple[str, str, int]) -> str:
    """Return the id of a run that was broken off in a tool."""
    till.breaks = True
    with pytest.raises(KeyboardInterrupt):
        agent(till, recorder, calls(call)).run("go")
    (run,) = recorder.runs()
    return run.run_id


def test_a_yes_to_one_run_is_no_yes_to_another_whose_call_has_the_same_id() -> None:
    till, recorder = Till(), InMemoryRecorder(durable=True)

    def clerk(name: str, euros: int, *rest: Any) -> Callable[..., Any]:
        return agent(till, recorder, calls(("c", "pay", euros)), *rest, name=name).as_tool()

    def boss(*script: Any) -> lmb.AgentBot:
        tools = [clerk("small", 1, "small is done"), clerk("large", 1000, "large is done")]
        return lmb.AgentBot("Boss.", tools=tools, completion=ScriptedCompletion(script), recorder=recorder)

    both = [lmb.ToolCall(name, name, '{"question": "pay"}') for name in ("small", "large")]
    first = boss(lmb.AssistantMessage("", tool_calls=tuple(both)), "Done.")
    asked = paused(lambda: first.run("go"))
    assert [call.arguments for call in asked.calls] == ['{"euros": 1}']
    again = paused(lambda: first.resume(asked.run_id, approvals={"c": True}))
    assert till.paid == [1]
    assert [call.arguments for call in again.calls] == ['{"euros": 1000}']
    assert {asked.asked_by, again.asked_by} == {run.run_id for run in recorder.runs(parent_id=asked.run_id)}
    assert first.resume(asked.run_id, approvals={"c": lmb.Denied("too dear")}).text == "Done."
    assert till.paid == [1]


def test_a_yes_is_no_yes_to_a_later_call_that_the_model_gives_the_same_id() -> None:
    """Not even where the decide node does not show the model what it said before."""

    class Forgetful(lmb.DecideNode):
        def prep(self, shared: lmb.AgentState) -> Any:
            request, messages = super().prep(shared)
            return request, messages[:2]

    till, recorder, decisions = Till(), InMemoryRecorder(durable=True), iter(range(1, 9))

    def decide(request: lmb.CompletionRequest) -> Any:
        return calls(("c", "pay", number)) if (number := next(decisions)) < 3 else "done"

    model = FunctionCompletion(decide)
    bot = lmb.AgentBot("Till.", tools=[till.pay], decide=Forgetful(), completion=model, recorder=recorder)
    asked = paused(lambda: bot.run("go"))
    again = paused(lambda: bot.resume(asked.run_id, approvals={"c": True}))
    assert till.paid == [1]
    assert [call.id for call in again.calls] == ["c-2"]
    result = bot.resume(asked.run_id, approvals={"c-2": True})
    assert till.paid == [1, 2]
    assert_valid(result.messages)


FIVE: Any = 5
OBJECT: Any = {"euros": {1: object()}}


@pytest.mark.parametrize("answer", [lmb.Denied(FIVE), lmb.Approved(by=FIVE), lmb.Approved(arguments=OBJECT)])
def test_an_answer_that_the_log_could_not_give_back_is_refused(answer: Any) -> None:
    till, recorder = Till(), InMemoryRecorder(durable=True)
    asked = paused(lambda: agent(till, recorder, calls(("c", "pay", 1))).run("go"))
    with pytest.raises(lmb.errors.UsageError, match="an approval holds text"):
        agent(till, recorder).resume(asked.run_id, approvals={"c": answer})
    assert agent(till, recorder, "done").resume(asked.run_id, approvals={"c": True}).text == "done"


@pytest.mark.parametrize("answers", [{"approvals": {"c": True}}, {"outcomes": {"c": "sent"}}])
def test_an_answer_to_a_run_that_waits_for_nobody_is_refused(answers: Any) -> None:
    till, recorder = Till(), InMemoryRecorder(durable=True)
    run_id = agent(till, recorder, calls(("c", "count", 1)), "done").run("go").run_id
    with pytest.raises(lmb.errors.UsageError, match=r"does not wait for what is said of 'c'; it is completed"):
        agent(till, recorder).resume(run_id, **answers)


def test_an_answer_may_be_said_again_in_the_same_words() -> None:
    """Who retries a resumption that failed for another reason says the same again; the log has it already."""
    till, recorder = Till(), InMemoryRecorder(durable=True)
    asked = paused(lambda: agent(till, recorder, calls(("c", "pay", 1))).run("go"))
    yes = lmb.Approved(by="ana", arguments={"euros": 2})
    with pytest.raises(lmb.errors.ProviderUnavailable):
        agent(till, recorder, lmb.errors.ProviderUnavailable("away")).resume(asked.run_id, approvals={"c": yes})
    for other in (True, lmb.Denied("no"), lmb.Approved(by="bob", arguments={"euros": 2})):
        with pytest.raises(lmb.errors.UsageError, match="it is failed and waits for nobody's answer"):
            agent(till, recorder, "done").resume(asked.run_id, approvals={"c": other})
    assert agent(till, recorder, "done").resume(asked.run_id, approvals={"c": yes}).text == "done"
    assert till.paid == [2]


@pytest.mark.parametrize("tool", ["send", "count"])
def test_who_knows_how_a_call_ended_that_was_cut_off_says_so_at_once(tool: str) -> None:
    """Also of a tool that would otherwise run again."""
    till, recorder = Till(), InMemoryRecorder(durable=True)
    run_id = broken(till, recorder, ("c", tool, 1))
    with pytest.raises(lmb.errors.UsageError, match=r"of 'd'; it waits for outcomes= of 'c'"):
        agent(till, recorder).resume(run_id, outcomes={"d": "ended"})
    result = agent(till, recorder, "done").resume(run_id, outcomes={"c": "ended"})
    assert [message.text for message in result.messages[-2:]] == ["ended", "done"]


def test_an_outcome_that_is_too_long_is_cut_as_a_result_would_be() -> None:
    till, recorder = Till(), InMemoryRecorder(durable=True)
    run_id = broken(till, recorder, ("c", "send", 1))
    result = agent(till, recorder, "done", max_result_characters=9).resume(run_id, outcomes={"c": "x" * 100})
    assert result.messages[-2].text == f"{'x' * 9}\n[cut: the first 9 of 100 characters]"


def test_who_answered_is_in_the_log_and_no_model_is_told() -> None:
    till, recorder = Till(), InMemoryRecorder(durable=True)
    two = calls(("a", "pay", 1), ("b", "pay", 2))
    asked = paused(lambda: agent(till, recorder, two).run("go"))
    answers = {"a": lmb.Approved(by="ana", arguments={"euros": 3}), "b": lmb.Denied("no", by="bob")}
    result = agent(till, recorder, "done").resume(asked.run_id, approvals=answers)
    effects = lmb.read_trace(recorder.events(asked.run_id)).effects
    said = [
        (effect.call.id, effect.outcome["by"]) for effect in effects if effect.effect == "ask_approval" and effect.call
    ]
    assert said == [("a", "ana"), ("b", "bob")]
    assert "ana" not in str(result.messages)
    assert "bob" not in str(result.messages)
