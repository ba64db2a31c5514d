"""One agent, four ways: the same answers, requests, logs and conversations; limits hold; transcripts are valid."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.property.agents import (
    COLOURS,
    Decision,
    Model,
    agent,
    assert_valid,
    finish,
    resume,
    run,
    scripts,
    settlement,
    whole,
)
from tests.property.toolboxes import NAMES, Kit, tools
from tests.property.ways import timeless

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.recorder import EffectFinished, RunEvent
from llamabot.testing import InMemoryRecorder

RUN = "run-1"
ALONE = [name for name in NAMES if name not in ("down", "asks", "asks_once")]


class Seen(msgspec.Struct, frozen=True):
    """One run from outside: what it gave or raised, what it asked, logged, remembered, and which calls it ran."""

    result: Any
    error: Any
    requests: list[CompletionRequest]
    log: list[RunEvent]
    remembered: tuple[lmb.Message, ...]
    ran: list[tuple[str, str]]


def _run(bot: Any) -> Any:
    return bot.run("go")


def _arun(bot: Any) -> Any:
    return asyncio.run(bot.run("go"))


def _stream(bot: Any) -> Any:
    with bot.stream("go") as events:
        return _told(list(events))


def _astream(bot: Any) -> Any:
    async def read() -> list[Any]:
        async with bot.stream("go") as events:
            return [event async for event in events]

    return _told(asyncio.run(read()))


WAYS: dict[str, Callable[[Any], Any]] = {"sync": _run, "async": _arun, "stream": _stream, "async stream": _astream}


def _told(events: list[Any]) -> Any:
    """Return the result that a stream ended with, after checking that the rest of it tells the same story."""
    result = events[-1].result
    decided = [event.calls for event in events if isinstance(event, lmb.Decided)]
    said = [message for message in result.messages if isinstance(message, lmb.AssistantMessage)]
    assert decided == [message.tool_calls for message in said if message.tool_calls][-len(decided) :] or not decided
    begun = [event.call.id for event in events if isinstance(event, lmb.ToolStarted)]
    ended = [event.result.call_id for event in events if isinstance(event, lmb.ToolFinished)]
    assert sorted(begun) == sorted(ended)
    texts = {message.call_id: message.text for message in result.messages if isinstance(message, lmb.ToolMessage)}
    assert all(texts[event.result.call_id] == event.result.text for event in events if type(event) is lmb.ToolFinished)
    assert "".join(event.text for event in events if isinstance(event, lmb.TextDelta)).endswith(said[-1].text)
    return result


def _see(way: str, script: list[Decision], limits: lmb.Limits) -> Seen:
    model, kit = Model(script), Kit()
    recorder, memory = InMemoryRecorder(durable=True), lmb.ChatMemory()
    memory.remember([lmb.user("earlier"), lmb.assistant("indeed")])
    bot = agent("async" if "async" in way else "sync", model, kit, recorder, memory=memory, limits=limits)
    result, error = None, None
    try:
        result = WAYS[way](bot)
        assert_valid(result.messages)
    except lmb.errors.LlamabotError as caught:
        assert_valid(caught.messages)
        error = type(caught), str(caught), dict(vars(caught))
    assert_valid(memory.recall())
    return Seen(result, error, model.asked, timeless(recorder.events(RUN)), memory.recall(), sorted(kit.ran))


def _limits() -> st.SearchStrategy[lmb.Limits]:
    few = st.none() | st.integers(1, 4)
    return st.builds(
        lmb.Limits,
        decisions=few,
        tool_calls=st.none() | st.integers(0, 6),
        tokens=st.none() | st.integers(1, 30) | st.integers(1, 3).map(lambda n: 5 * n),
        cost_usd=st.none() | st.integers(1, 4).map(lambda n: n / 64),
    )


@given(script=scripts(), limits=_limits() | st.just(lmb.Limits()))
@example(script=[Decision("", (("a", "down", ""), ("b", "down", "")))], limits=lmb.Limits())
def test_an_agent_is_the_same_in_all_four_ways(script: list[Decision], limits: lmb.Limits) -> None:
    first, *others = (msgspec.structs.asdict(_see(way, script, limits)) for way in WAYS)
    for other in others:
        for name, value in first.items():
            assert other[name] == value, name


@pytest.mark.parametrize("way", WAYS)
def test_sees_what_there_is_to_see(way: str) -> None:
    """The property above compares; this keeps what it compares from being empty."""
    calls = (("a", "look", "{}"), ("a", "look_async", "{}"), ("", "nowhere", ""))
    seen = _see(way, [Decision("so", calls)], lmb.Limits())
    assert [call_id for call_id, _ in seen.ran] == ["a", "a-2"]
    assert [type(event).__name__ for event in seen.log].count("EffectFinished") == 7
    assert len(seen.requests) == 2
    assert [message.text for message in seen.remembered[2:]] == [
        "go",
        "so",
        "look({})",
        "look_async({})",
        f"There is no tool named 'nowhere'; there are: {', '.join(tool.name for tool in tools())}.",
        "done",
    ]


@settings(max_examples=60)
@given(script=scripts(), limits=_limits(), colours=st.tuples(*[st.sampled_from(COLOURS)] * 3))
@example(
    script=[Decision("", (("a", "look", ""), ("b", "look", "")))],
    limits=lmb.Limits(cost_usd=1 / 64, decisions=None),
    colours=("sync", "async", "sync"),
)
def test_a_limit_stops_the_run_and_a_larger_one_goes_on_with_it(
    script: list[Decision], limits: lmb.Limits, colours: tuple[str, str, str]
) -> None:
    free = lmb.Limits(decisions=None)
    calm_model, calm_kit, never = Model(script), Kit(), InMemoryRecorder(durable=True)
    calm = whole(lambda: agent(colours[0], calm_model, calm_kit, never, limits=free))
    model, kit, store = Model(script), Kit(), InMemoryRecorder(durable=True)
    try:
        run(agent(colours[1], model, kit, store, limits=limits))
    except lmb.errors.LlamabotError as error:
        settled = settlement(error)
    else:
        settled = {}
    _assert_within(limits, model, kit)
    result = finish(lambda: agent(colours[2], model, kit, store), RUN, settled, limits=free)
    assert (result.value, result.messages, result.usage) == (calm.value, calm.messages, calm.usage)
    assert sorted(kit.ran) == sorted(calm_kit.ran), "what had finished ran again, or something never ran"


def _assert_within(limits: lmb.Limits, model: Model, kit: Kit) -> None:
    asked = len(model.asked)
    assert limits.decisions is None or asked <= limits.decisions
    assert limits.tool_calls is None or len(kit.ran) <= limits.tool_calls
    assert limits.tokens is None or (asked - 1) * 5 < limits.tokens
    assert limits.cost_usd is None or (asked - 1) / 64 < limits.cost_usd


@pytest.mark.parametrize("colour", COLOURS)
def test_a_second_query_after_a_limit_was_reached_works(colour: str) -> None:
    model = Model([Decision("", (("a", "look", "{}"),))] * 2)
    bot = agent(colour, model, Kit(), InMemoryRecorder(durable=True), limits=lmb.Limits(decisions=2))
    with pytest.raises(lmb.errors.LimitReached) as reached:
        run(bot)
    assert reached.value.limit == "decisions"
    assert run(bot, "again", limits=lmb.Limits(decisions=3)).text == "done"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_limit_counts_what_was_done_before_the_run_went_on(colour: str) -> None:
    model, kit, store = Model([Decision("", (("a", "look", "{}"),))] * 9), Kit(), InMemoryRecorder(durable=True)
    bot = agent(colour, model, kit, store, limits=lmb.Limits(decisions=2, tool_calls=3))
    with pytest.raises(lmb.errors.LimitReached):
        run(bot)
    for limits, asked, ran in [
        (lmb.Limits(decisions=2), 2, 2),
        (lmb.Limits(decisions=3), 3, 3),
        (lmb.Limits(tool_calls=4), 5, 4),
        (lmb.Limits(tokens=25), 5, 4),
        (lmb.Limits(tokens=26), 6, 5),
        (lmb.Limits(cost_usd=6 / 64), 6, 5),
    ]:
        with pytest.raises(lmb.errors.LimitReached):
            resume(bot, RUN, limits=limits)
        assert (len(model.asked), len(kit.ran)) == (asked, ran), limits


@pytest.mark.parametrize("colour", COLOURS)
def test_a_model_that_calls_for_ever_is_stopped_at_25_decisions(colour: str) -> None:
    model, kit = Model([Decision("", (("a", "look", "{}"),))] * 100), Kit()
    with pytest.raises(lmb.errors.LimitReached, match="decisions=25") as reached:
        run(agent(colour, model, kit, InMemoryRecorder(durable=True)))
    assert len(model.asked) == len(kit.ran) == 25
    assert reached.value.usage == lmb.Usage(75, 50)
    assert_valid(reached.value.messages)
    assert len(reached.value.messages) == 2 + 50


@given(
    turns=st.integers(1, 3),
    scripts_=st.lists(scripts(ALONE, fails=False, max_size=2), min_size=2, max_size=4),
    colour=st.sampled_from(COLOURS),
)
@settings(max_examples=30)
def test_a_conversation_stays_valid_in_any_window(turns: int, scripts_: list[list[Decision]], colour: str) -> None:
    """Calls and results are never apart, ids told apart across turns; the model checks what it is sent."""
    memory, recorder = lmb.ChatMemory(turns), InMemoryRecorder(durable=True)
    for script in scripts_:
        result = run(agent(colour, Model(script), Kit(), recorder, memory=memory))
        assert_valid(result.messages)
        assert_valid(memory.recall())


class Turnstile:
    """Lets tools that run at once end in the order that a test wants: each once the one before it is in the log."""

    durable = True

    def __init__(self, order: list[str]) -> None:
        self.store = InMemoryRecorder(durable=True)
        self.ended: list[str] = []
        self._order = order
        self._turn = threading.Condition()

    def append(self, events: Any) -> Any:
        ticket = self.store.append(events)
        with self._turn:
            self.ended += [event.path for event in events if type(event) is EffectFinished and "." in event.path]
            self._turn.notify_all()
        return ticket

    def events(self, run_id: str) -> Any:
        return self.store.events(run_id)

    def claim(self, run_id: str) -> Any:
        return self.store.claim(run_id)

    def tools(self) -> Any:
        return tools("look_sync", "look_async")

    def call(self, call: lmb.ToolCall, context: Any) -> lmb.ToolResult:
        with self._turn:
            assert self._turn.wait_for(lambda: self._may_end(call), 20)
        return lmb.ToolResult(call.id, call.id)

    async def acall(self, call: lmb.ToolCall, context: Any) -> lmb.ToolResult:
        while not self._may_end(call):  # noqa: ASYNC110 - threads and loops take turns here
            await asyncio.sleep(0.0005)
        return lmb.ToolResult(call.id, call.id)

    def _may_end(self, call: lmb.ToolCall) -> bool:
        return len(self.ended) == self._order.index(call.id)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=10)
@given(order=st.permutations("abcd"), kinds=st.tuples(*[st.sampled_from(["look_sync", "look_async"])] * 4))
def test_the_order_in_which_tools_end_changes_nothing(way: str, order: list[str], kinds: tuple[str, ...]) -> None:
    turnstile = Turnstile(order)
    script = [Decision("so", tuple((id_, kind, "{}") for id_, kind in zip("abcd", kinds, strict=True)))]
    model = Model(script)
    result = WAYS[way](agent("async" if "async" in way else "sync", model, turnstile, turnstile))
    assert turnstile.ended == [f"3.{'abcd'.index(id_) + 1}" for id_ in order]
    assert [message.text for message in result.messages] == ["Act.", "go", "so", *"abcd", "done"]
    assert [message.call_id for message in result.messages if isinstance(message, lmb.ToolMessage)] == [*"abcd"]
    assert resume(agent("sync", model, turnstile, turnstile), RUN).messages == result.messages
