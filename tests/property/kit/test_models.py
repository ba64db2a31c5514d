"""Models that look at the request: answers that keep to it, and whole behaviours that need not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.kit.shrinking import minimal

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest, OutputSchema
from llamabot.ports.tools import Tool, ToolSpec
from llamabot.testing import (
    Behaviour,
    CountingIds,
    EchoToolbox,
    InMemoryRecorder,
    TickingClock,
    Turn,
    breakages,
    strategies,
)

LOOK = ToolSpec(
    "look",
    "Look around.",
    {
        "type": "object",
        "properties": {"far": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["far"],
        "additionalProperties": False,
    },
)
STOP = ToolSpec("stop", "End.", {"type": "object", "properties": {}, "additionalProperties": False})
TOOLS = (Tool(LOOK), Tool(STOP, terminal=True))
SMALL = lmb.Limits(decisions=6)


def _fits(text: str, schema: Any) -> bool:
    try:
        return bool(jsonschema.Draft202012Validator(schema).is_valid(json.loads(text)))
    except ValueError:
        return False


@given(st.data(), strategies.requests())
def test_an_answer_keeps_to_its_request(data: st.DataObject, request: CompletionRequest) -> None:
    completion = data.draw(strategies.completions_for(request))
    calls, parameters = completion.message.tool_calls, {tool.name: tool.parameters for tool in request.tools}
    assert all(_fits(call.arguments, parameters[call.name]) for call in calls)
    if request.tool_choice in ("required", *parameters):
        assert calls
    if request.tool_choice == "none" or not request.tools:
        assert not calls
    if request.tool_choice in parameters:
        assert {call.name for call in calls} == {request.tool_choice}
    if request.output is not None and not calls:
        assert _fits(completion.message.text, request.output.schema)


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("required", [{"look"}, {"stop"}]),
        ("look", [{"look"}]),
        ("none", [set()]),
        ("auto", [set(), {"look"}, {"stop"}]),
    ],
)
def test_an_answer_keeps_to_the_choice_that_it_has(choice: str, called: list[set[str]]) -> None:
    request = CompletionRequest("", (lmb.user("go"),), tools=(LOOK, STOP), tool_choice=choice)

    @given(strategies.completions_for(request))
    @settings(max_examples=20)
    def check(completion: lmb.Completion) -> None:
        names = {call.name for call in completion.message.tool_calls}
        assert bool(names) in {bool(some) for some in called}
        assert names <= set().union(*called)

    check()
    for some in called:
        assert minimal(
            strategies.completions_for(request),
            lambda completion, some=some: {call.name for call in completion.message.tool_calls} == some,
        )


def test_an_answer_may_call_where_it_need_not() -> None:
    request = CompletionRequest("", (lmb.user("go"),), tools=(LOOK,), output=OutputSchema("answer", STOP.parameters))
    calling = minimal(strategies.completions_for(request), lambda completion: bool(completion.message.tool_calls))
    assert calling.message == lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("call-1", "look", '{"far": 1}'),))
    assert minimal(strategies.completions_for(request), lambda _: True).message == lmb.AssistantMessage("{}")


def _call(id_: str, name: str, arguments: str) -> Turn:
    return Turn(calls=(lmb.ToolCall(id_, name, arguments),))


def _said(condition: Any) -> Any:
    return lambda behaviour: any(condition(turn) for turn in behaviour.turns)


def _of_look(turn: Turn, right: bool) -> bool:
    return any(call.name == "look" and _fits(call.arguments, LOOK.parameters) is right for call in turn.calls)


REACHED: dict[str, tuple[Any, Behaviour | None]] = {
    "an answer": (_said(lambda turn: turn.text == "so"), Behaviour((Turn("so"),))),
    "a call": (_said(lambda turn: _of_look(turn, True)), Behaviour((_call("call-1", "look", '{"far": 1}'),))),
    "a malformed call": (_said(lambda turn: _of_look(turn, False)), None),
    "an unknown tool": (
        _said(lambda turn: any(call.name not in ("look", "stop") for call in turn.calls)),
        Behaviour((_call("call-1", "nowhere", "{}"),)),
    ),
    "an empty id": (
        _said(lambda turn: any(not call.id for call in turn.calls)),
        Behaviour((_call("", "stop", "{}"),)),
    ),
    "a filtered answer": (
        _said(lambda turn: turn.finish_reason is lmb.FinishReason.CONTENT_FILTER),
        Behaviour((Turn("I can't help with that.", finish_reason=lmb.FinishReason.CONTENT_FILTER),)),
    ),
    "a refusal": (_said(lambda turn: turn.refused), Behaviour((Turn(refused=True),))),
    "a cut answer": (_said(lambda turn: turn.finish_reason is lmb.FinishReason.LENGTH), None),
    "a loop": (lambda behaviour: behaviour.loops and behaviour.turns, Behaviour((Turn(),), loops=True)),
    "half a character": (_said(lambda turn: "\ud83d" in turn.text), Behaviour((Turn("\ud83d"),))),
}


@pytest.mark.parametrize("what", REACHED)
def test_a_behaviour_has_all_that_models_do_and_shrinks_to_it(what: str) -> None:
    condition, smallest = REACHED[what]
    found = minimal(strategies.behaviours(TOOLS), condition)
    assert len(found.turns) == 1
    assert smallest is None or found == smallest
    assert len(repr(found)) < 250


def test_the_simplest_model_is_done_at_once() -> None:
    assert minimal(strategies.behaviours(TOOLS), lambda _: True) == Behaviour()
    assert repr(Behaviour((Turn("so"),))) == "Behaviour(turns=(Turn(text='so'),))"


@given(strategies.behaviours(output=LOOK.parameters, loops=False))
@settings(max_examples=20)
def test_a_model_of_objects_gives_one_that_fits_in_the_end(behaviour: Behaviour) -> None:
    assert _fits(behaviour.then.text, LOOK.parameters)
    assert not behaviour.loops


def _agent(colour: Any, behaviour: Behaviour, recorder: Any, **settings: Any) -> Any:
    return colour(
        "Act.",
        tools=[EchoToolbox(TOOLS)],
        completion=behaviour.completion(),
        recorder=recorder,
        clock=TickingClock(),
        ids=CountingIds(),
        limits=SMALL,
        **settings,
    )


def _outcome(run: Any) -> Any:
    try:
        result = asyncio.run(run) if asyncio.iscoroutine(run) else run()
    except lmb.errors.LlamabotError as error:
        return type(error), str(error), error.messages, error.usage
    return result.value, result.text, result.messages, result.usage


@given(strategies.behaviours(TOOLS), st.integers(0, 3))
def test_a_behaviour_says_the_same_in_both_colours_and_after_any_limit(behaviour: Behaviour, decisions: int) -> None:
    recorder = InMemoryRecorder()
    whole = _outcome(lambda: _agent(lmb.AgentBot, behaviour, InMemoryRecorder()).run("go"))
    assert _outcome(_agent(lmb.AsyncAgentBot, behaviour, InMemoryRecorder()).run("go")) == whole
    assert breakages(whole[2]) == set()
    try:
        _agent(lmb.AgentBot, behaviour, recorder).run("go", limits=lmb.Limits(decisions=decisions))
    except lmb.errors.LlamabotError:
        resumed = _outcome(lambda: _agent(lmb.AgentBot, behaviour, recorder).resume("run-1", limits=SMALL))
        assert resumed == whole


def test_a_behaviour_answers_by_the_turn_and_not_by_the_count() -> None:
    behaviour = Behaviour((Turn("one"), Turn("two", calls=(lmb.ToolCall("a", "look", "{}"),))), Turn("last"))
    model = behaviour.completion()
    asked = [lmb.user("go")]
    assert [model.complete(CompletionRequest("", tuple(asked))).message.text for _ in range(2)] == ["one", "one"]
    asked += [lmb.assistant("one"), lmb.user("and?")]
    assert model.complete(CompletionRequest("", tuple(asked))).finish_reason is lmb.FinishReason.TOOL_CALLS
    asked += [lmb.assistant("two"), lmb.assistant("three")]
    assert model.complete(CompletionRequest("", tuple(asked))).message.text == "last"
    looping = msgspec.structs.replace(behaviour, loops=True).completion()
    assert looping.complete(CompletionRequest("", tuple(asked))).message.text == "two"


def test_a_refusing_turn_raises() -> None:
    with pytest.raises(lmb.errors.ContentRefused):
        Behaviour((Turn(refused=True),)).completion().complete(CompletionRequest("", (lmb.user("go"),)))


@given(strategies.toolboxes(min_size=1), st.data())
@settings(max_examples=20)
def test_a_toolbox_answers_by_the_call_alone(box: EchoToolbox, data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from(box.tools()))
    call = lmb.ToolCall("a", tool.name, data.draw(strategies.arguments(tool)))
    context = lmb.RunContext(run_id="r", call_id="a", idempotency_key="k", state=None)
    first, again = box.call(call, context), asyncio.run(box.acall(call, context))
    assert first == again
    assert first.text == f"{tool.name}({call.arguments})"
    assert (first.is_error, first.ends_run) == (False, tool.terminal)
    assert box.ran == [(call, "k"), (call, "k")]
