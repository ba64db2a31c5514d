"""Calls that wait for someone: for days, in other processes, answered in part, denied, changed, answered wrongly."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.property.agents import assert_valid

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

KINDS = (lmb.AgentBot, lmb.AsyncAgentBot)
both = pytest.mark.parametrize("kind", KINDS)
DAY_NS = 86_400 * 10**9


class Shop:
    """Tools with effects that are counted."""

    def __init__(self) -> None:
        self.done: list[str] = []

    @lmb.tool
    def look(self, item: str) -> str:
        """Look at an item."""
        self.done.append(f"look {item}")
        return f"{item} is there"

    @lmb.tool(needs_approval=True, idempotent=False)
    def buy(self, item: str) -> str:
        """Buy an item."""
        self.done.append(f"buy {item}")
        return f"bought {item}"


def calls(*made: tuple[str, str, str]) -> lmb.AssistantMessage:
    return lmb.AssistantMessage("", tool_calls=tuple(lmb.ToolCall(*call) for call in made))


def buying(*items: str) -> lmb.AssistantMessage:
    """Return a decision to buy items, each call named as its item, and to look at a pen."""
    made = [(item, "buy", f'{{"item": "{item}"}}') for item in items]
    return calls(*made, ("see", "look", '{"item": "pen"}'))


def agent(kind: Any, shop: Shop, recorder: Any, *script: Any, **settings: Any) -> Any:
    tools = [shop.look, shop.buy]
    return kind("Shop.", tools=tools, completion=ScriptedCompletion(script), recorder=recorder, **settings)


def go(gone: Any) -> Any:
    return asyncio.run(_awaited(gone)) if asyncio.iscoroutine(gone) else gone


async def _awaited(coming: Any) -> Any:
    return await coming


def paused(kind: Any, shop: Shop, recorder: Any, *items: str) -> Any:
    """Run an agent until it waits, and return the error."""
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        go(agent(kind, shop, recorder, buying(*items)).run("go"))
    error = waits.value
    assert [call.id for call in error.calls] == [*items]
    assert_valid(error.messages)
    assert [(run.status, run.waits_for) for run in recorder.runs()] == [("paused", error.calls)]
    return error


def told(result: Any) -> list[str]:
    return [message.text for message in result.messages if isinstance(message, lmb.ToolMessage)]


@both
def test_waits_for_days_and_goes_on_in_another_process(kind: Any, tmp_path: Path) -> None:
    """The decision's other calls have run before; other objects of the other colour go on from the file."""
    shop = Shop()
    with lmb.SqliteRecorder(tmp_path / "runs.db", durable=True) as recorder:
        error = paused(kind, shop, recorder, "car", "boat")
        assert shop.done == ["look pen"]
    other = KINDS[kind is lmb.AgentBot]
    with lmb.SqliteRecorder(tmp_path / "runs.db", durable=True) as recorder:
        bot = agent(other, shop, recorder, "done")
        result = go(bot.resume(error.run_id, approvals={"car": lmb.Approved(by="ana"), "boat": lmb.Denied("too dear")}))
        assert shop.done == ["look pen", "buy car"]
        assert told(result) == ["bought car", "The call was denied: too dear. It has not run.", "pen is there"]
        answers = [effect for effect in _approvals(recorder, error.run_id) if isinstance(effect, EffectFinished)]
        assert [answer.outcome.get("by") for answer in answers] == ["ana", None]
        assert all(answer.at_ns for answer in answers)


def _approvals(recorder: Any, run_id: str) -> list[Any]:
    return [event for event in recorder.events(run_id) if getattr(event, "effect", "") == "ask_approval"]


@both
def test_answers_come_one_by_one(kind: Any) -> None:
    """An answer that was given is kept; nothing of the decision runs before all are there."""
    shop, recorder = Shop(), InMemoryRecorder(durable=True)
    error = paused(kind, shop, recorder, "car", "boat")
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        go(agent(kind, shop, recorder).resume(error.run_id, approvals={"boat": True}))
    assert [call.id for call in waits.value.calls] == ["car"]
    assert shop.done == ["look pen"]
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        go(agent(kind, shop, recorder).resume(error.run_id))
    assert [call.id for call in waits.value.calls] == ["car"]
    assert [call.id for run in recorder.runs() for call in run.waits_for] == ["car"]
    result = go(agent(kind, shop, recorder, "done").resume(error.run_id, approvals={"car": True}))
    assert [run.waits_for for run in recorder.runs()] == [()]
    assert sorted(shop.done) == ["buy boat", "buy car", "look pen"]
    assert told(result) == ["bought car", "bought boat", "pen is there"]


@both
def test_the_rest_of_a_run_can_be_streamed(kind: Any) -> None:
    shop, recorder = Shop(), InMemoryRecorder(durable=True)
    error = paused(kind, shop, recorder, "car")
    waiting = agent(kind, shop, recorder, "done and paid")
    events = go(_streamed(waiting.resume_stream(error.run_id, approvals={"car": True})))
    assert shop.done == ["look pen", "buy car"]
    assert [type(event).__name__ for event in events] == [
        "Decided",
        "ToolStarted",
        "ToolFinished",
        "TextDelta",
        "TextDelta",
        "TextDelta",
        "Finished",
    ]
    told_again = go(agent(kind, shop, recorder).resume(error.run_id))
    assert events[-1].result.messages == told_again.messages


@both
def test_leaving_the_rest_of_a_run_stops_it_and_another_may_go_on(kind: Any) -> None:
    shop, recorder = Shop(), InMemoryRecorder(durable=True)
    error = paused(kind, shop, recorder, "car")
    waiting = agent(kind, shop, recorder, "done and paid")
    go(_streamed(waiting.resume_stream(error.run_id, approvals={"car": True}), until=lmb.TextDelta))
    assert [run.status for run in recorder.runs()] == ["cancelled"]
    assert go(agent(kind, shop, recorder, "paid").resume(error.run_id)).text == "paid"
    assert shop.done == ["look pen", "buy car"]


async def _streamed(stream: Any, until: Any = lmb.Finished) -> list[Any]:
    events: list[Any] = []
    if hasattr(stream, "__enter__"):
        with stream:
            while not events or not isinstance(events[-1], until):
                events.append(next(stream))
        return events
    async with stream:
        while not events or not isinstance(events[-1], until):
            events.append(await anext(stream))
    return events


@both
def test_changed_arguments_are_run_and_told_to_the_model(kind: Any) -> None:
    shop, recorder = Shop(), InMemoryRecorder(durable=True)
    error = paused(kind, shop, recorder, "car")
    answer = lmb.Approved(by="ana", arguments={"item": "bike"})
    result = go(agent(kind, shop, recorder, "done").resume(error.run_id, approvals={"car": answer}))
    assert shop.done == ["look pen", "buy bike"]
    assert told(result)[0] == 'The arguments were changed to {"item":"bike"}.\nbought bike'
    again = lmb.AgentBot("Shop.", tools=[shop.look, shop.buy], recorder=recorder).replay(error.run_id)
    assert again.messages == result.messages


@both
@pytest.mark.parametrize(
    "answers",
    [
        {"approvals": {"car": False}},
        {"approvals": {"car": "yes"}},
        {"approvals": {"car": 1}},
        {"approvals": {"car": None}},
        {"approvals": {"car": lmb.Approved}},
        {"approvals": {"boat": True}},
        {"approvals": {"see": True}},
        {"approvals": {"car": True, "": True}},
        {"approvals": ["car"]},
        {"approvals": True},
        {"outcomes": {"car": "bought"}},
        {"outcomes": {"boat": "bought"}},
        {"outcomes": {"car": object()}},
        {"outcomes": "car"},
        {"approvals": {"car": lmb.Approved(arguments={"item": object()})}},
        {"approvals": {"car": lmb.Approved(arguments=["bike"])}},
        {"approvals": {"car": lmb.Denied("half a character: \ud83d")}},
        {"outcomes": {"car": "half a character: \ud83d"}},
        {"approval": {"car": True}},
    ],
)
def test_a_wrong_answer_is_refused_and_changes_nothing(kind: Any, answers: dict[str, Any]) -> None:
    shop, recorder = Shop(), InMemoryRecorder(durable=True)
    error = paused(kind, shop, recorder, "car")
    before = recorder.events(error.run_id)
    with pytest.raises(lmb.errors.UsageError):
        go(agent(kind, shop, recorder).resume(error.run_id, **answers))
    assert recorder.events(error.run_id) == before
    assert shop.done == ["look pen"]
    assert go(agent(kind, shop, recorder, "done").resume(error.run_id, approvals={"car": True})).text == "done"


@both
def test_needs_a_log_that_outlives_the_process(kind: Any) -> None:
    shop = Shop()
    with pytest.raises(lmb.errors.ConfigurationError, match="durable=True"):
        agent(kind, shop, InMemoryRecorder())
    with pytest.raises(lmb.errors.ConfigurationError, match="durable=True"):
        agent(kind, shop, InMemoryRecorder(durable=True)).with_(recorder=InMemoryRecorder())
    with (
        lmb.override(recorder=InMemoryRecorder()),
        pytest.raises(lmb.errors.ConfigurationError, match="durable=True"),
    ):
        agent(kind, shop, InMemoryRecorder(durable=True), "never")("go") if kind is lmb.AgentBot else go(
            agent(kind, shop, InMemoryRecorder(durable=True), "never").run("go")
        )


class Broken(BaseException):
    """The process is gone."""


def _begun(recorder: Any, *ids: str) -> tuple[Shop, str]:
    """Return a run that broke off while it charged for some items, each allowed to run only once."""

    class Breaking(Shop):
        @lmb.tool(idempotent=False)
        def charge(self, item: str) -> str:
            """Charge for an item."""
            raise Broken

    shop = Breaking()
    script = [calls(*[(id_, "charge", f'{{"item": "{id_}"}}') for id_ in ids], ("see", "look", '{"item": "pen"}'))]
    with pytest.raises(Broken):
        lmb.AgentBot(tools=[shop.charge, shop.look], completion=ScriptedCompletion(script), recorder=recorder)("go")
    (run,) = recorder.runs()
    return shop, run.run_id


def _charging(kind: Any, shop: Any, recorder: Any, *script: Any) -> Any:
    return kind(tools=[shop.charge, shop.look], completion=ScriptedCompletion(script), recorder=recorder)


@both
@pytest.mark.parametrize(
    ("outcome", "text"),
    [("charged", "charged"), ({"n": 1}, '{"n":1}'), (None, "null"), (lmb.ToolResult("", "no", is_error=True), "no")],
)
def test_an_unknown_outcome_is_asked_for_and_believed(kind: Any, outcome: Any, text: str) -> None:
    recorder = InMemoryRecorder(durable=True)
    shop, run_id = _begun(recorder, "car")
    for _ in range(2):
        with pytest.raises(lmb.errors.ToolOutcomeUnknown) as unknown:
            go(_charging(kind, shop, recorder).resume(run_id))
        assert [call.id for call in unknown.value.calls] == ["car"]
        assert_valid(unknown.value.messages)
        assert [run.status for run in recorder.runs()] == ["paused"]
    result = go(_charging(kind, shop, recorder, "done").resume(run_id, outcomes={"car": outcome}))
    assert told(result) == [text, "pen is there"]


@both
def test_outcomes_come_one_by_one(kind: Any) -> None:
    recorder = InMemoryRecorder(durable=True)
    shop, run_id = _begun(recorder, "car", "boat")
    with pytest.raises(lmb.errors.ToolOutcomeUnknown):
        go(_charging(kind, shop, recorder).resume(run_id))
    with pytest.raises(lmb.errors.ToolOutcomeUnknown) as unknown:
        go(_charging(kind, shop, recorder).resume(run_id, outcomes={"car": "charged"}))
    assert [call.id for call in unknown.value.calls] == ["boat"]
    with pytest.raises(lmb.errors.UsageError, match="'car'"):
        go(_charging(kind, shop, recorder).resume(run_id, outcomes={"car": "charged twice"}))
    with pytest.raises(lmb.errors.UsageError):
        go(_charging(kind, shop, recorder).resume(run_id, approvals={"boat": True}))
    result = go(_charging(kind, shop, recorder, "done").resume(run_id, outcomes={"boat": "not charged"}))
    assert told(result) == ["charged", "not charged", "pen is there"]


@pytest.mark.parametrize(("reason", "why"), [("", ""), ("too dear", ": too dear")])
def test_a_model_is_told_that_its_call_was_denied_and_why(reason: str, why: str) -> None:
    shop, log = Shop(), InMemoryRecorder(durable=True)
    run_id = paused(lmb.AgentBot, shop, log, "pen").run_id
    gone_on = agent(lmb.AgentBot, shop, log, "fine").resume(run_id, approvals={"pen": lmb.Denied(reason)})
    (denied,) = [one for one in gone_on.messages if isinstance(one, lmb.ToolMessage) and one.call_id == "pen"]
    assert (denied.text, denied.is_error) == (f"The call was denied{why}. It has not run.", True)


def test_refuses_arguments_of_an_approval_that_name_nothing() -> None:
    shop, log = Shop(), InMemoryRecorder(durable=True)
    approvals: Any = {"pen": lmb.Approved(arguments=["ink"])}  # type: ignore[arg-type]  # that is what is wrong
    with pytest.raises(lmb.errors.UsageError, match="arguments= of an approval maps names to values; it is no"):
        agent(lmb.AgentBot, shop, log).resume(paused(lmb.AgentBot, shop, log, "pen").run_id, approvals=approvals)
