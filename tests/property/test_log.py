"""The log is written once and read back exactly: what was asked, what came, each effect once, in any run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.cores import DRIVERS, assert_orderly, perform, world_of

import llamabot as lmb
from llamabot.domain.call_ids import with_own_ids
from llamabot.domain.effects import Complete, Core, Effect, Recall, Remember, Together
from llamabot.domain.trace import EffectTrace
from llamabot.ports.assembly import mend_completion
from llamabot.ports.completion import Completion, CompletionRequest, OutputSchema
from llamabot.ports.errors import CompletionError
from llamabot.ports.messages import Message
from llamabot.ports.recorder import Blob, encode_event
from llamabot.ports.tools import ToolSpec
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion, strategies

LONG = 1001


class Ask(msgspec.Struct, frozen=True):
    """A completion: the settings, which earlier messages it repeats (by their numbers), what it adds, what it gets."""

    settings: CompletionRequest
    repeated: tuple[int, ...]
    added: tuple[Message, ...]
    answer: Any


class Look(msgspec.Struct, frozen=True):
    """The conversation is read."""


class Keep(msgspec.Struct, frozen=True):
    """A turn of earlier and of new messages is stored."""

    repeated: tuple[int, ...]
    added: tuple[Message, ...]


def _settings() -> st.SearchStrategy[CompletionRequest]:
    objects = st.dictionaries(strategies.texts(max_size=4), strategies.json_values(), max_size=2)
    tools = st.builds(ToolSpec, st.just("search"), strategies.texts(), objects)
    return st.builds(
        CompletionRequest,
        model=st.sampled_from(["", "gpt-x"]),
        messages=st.just(()),
        tools=st.lists(tools, max_size=2).map(tuple),
        tool_choice=st.sampled_from(["auto", "none", "search"]),
        output=st.none() | st.builds(OutputSchema, st.just("Answer"), objects),
        temperature=st.none() | st.integers(0, 2) | st.just(0.5),
        max_tokens=st.none() | st.integers(1, 10),
        timeout_s=st.sampled_from([600.0, 1]),
        options=objects,
    )


def _plans() -> st.SearchStrategy[list[Any]]:
    """Runs: single effects and effects together, requests that repeat, shorten and change the ones before."""
    repeated = st.lists(st.integers(0, 8), max_size=4).map(tuple) | st.integers(0, 4).map(lambda n: tuple(range(n)))
    added = strategies.conversations(LONG, max_size=2).map(tuple)
    answers = st.one_of(strategies.completions(strategies.broken_texts), strategies.port_errors())
    step = (
        st.builds(Ask, _settings() | st.just(CompletionRequest("", ())), repeated, added, answers)
        | st.builds(Keep, repeated, added)
        | st.builds(Look)
    )
    return st.lists(step | st.lists(step, max_size=3), max_size=5)


class Player:
    """Carries a plan out and notes what passed the ports, by path."""

    def __init__(self, plan: Sequence[Any]) -> None:
        self.plan = plan
        self.passed: dict[str, Any] = {}
        self._known: list[Message] = []
        self._answers: dict[int, Any] = {}
        self.world = world_of(FunctionCompletion(lambda request: self._answers[id(request.messages)]))
        self.world.memory.remember([lmb.user("a" * LONG), lmb.assistant("earlier")])  # type: ignore[union-attr]  # it is a ChatMemory

    def core(self) -> Core[None]:
        for number, step in enumerate(self.plan, 1):
            if isinstance(step, list):
                effects = [self._effect(member) for member in step]
                yield from self._tried(str(number), Together(effects), effects)
            else:
                effect = self._effect(step)
                yield from self._tried(str(number), effect, [effect])

    def _effect(self, step: Any) -> Effect[Any]:
        if isinstance(step, Look):
            return Recall()
        messages = (*(self._known[n % len(self._known)] for n in step.repeated if self._known), *step.added)
        self._known += step.added
        if isinstance(step, Keep):
            return Remember(messages)
        request = msgspec.structs.replace(step.settings, messages=messages)
        self._answers[id(request.messages)] = step.answer
        return Complete(request)

    def _tried(self, path: str, asked: Effect[Any], effects: list[Effect[Any]]) -> Core[None]:
        try:
            results = yield from asked
        except CompletionError:
            results = [None] * len(effects)
        for index, effect in enumerate(effects, 1):
            place = path if asked is effect else f"{path}.{index}"
            result = results if asked is effect else results[index - 1]
            self.passed[place] = (effect, None if isinstance(result, list) else result)
            self._known += [result.message] if isinstance(result, Completion) else []
            self._known += result if isinstance(result, tuple) else ()


@given(plan=_plans(), driver=st.sampled_from(list(DRIVERS)))
def test_a_log_gives_back_what_passed_the_ports(plan: list[Any], driver: str) -> None:
    player = Player(plan)
    perform(driver, player.core(), player.world)
    events = player.world.recorder.events("run-1")  # type: ignore[union-attr]  # there is one
    assert_orderly(events)
    traces = {effect.path: effect for effect in lmb.read_trace(events).effects}
    assert traces.keys() == player.passed.keys()
    for path, (effect, result) in player.passed.items():
        _assert_told(traces[path], effect, result)


def _assert_told(trace: EffectTrace, effect: Effect[Any], result: Any) -> None:
    assert trace.effect == effect.kind
    if isinstance(effect, Complete):
        assert trace.request == effect.request
        assert trace.completion == result or (result is None and _could_be(trace))
        if trace.completion is not None:
            assert trace.usage == (trace.completion.usage or lmb.Usage())
            assert trace.cost_usd == trace.completion.cost_usd
    elif isinstance(effect, Remember):
        assert trace.messages == effect.turn
    elif result is not None:
        assert trace.messages == result


def _could_be(trace: EffectTrace) -> bool:
    """In a `Together` that failed the core does not see what its members gave; each has an outcome or an error."""
    return (trace.completion is None) is (trace.error is not None)


@given(answer=strategies.completions(strategies.broken_texts), said=strategies.conversations(LONG))
def test_the_transcript_of_a_trace_is_that_of_the_result(answer: Completion, said: list[Message]) -> None:
    recorder = InMemoryRecorder()
    bot = lmb.SimpleBot("Answer.", completion=ScriptedCompletion([answer]), recorder=recorder)
    try:
        result: Any = bot.run("hi", said)
    except lmb.errors.ContentRefused as error:
        result = error
    trace = lmb.read_trace(recorder.events(result.run_id))
    assert trace.messages == result.messages
    if isinstance(result, lmb.errors.ContentRefused):
        return
    assert (trace.summary.usage, trace.summary.cost_usd) == (result.usage, result.cost_usd)
    said_before = result.messages[:-1]
    assert trace.effects[-1].completion == with_own_ids(mend_completion(answer), said_before)


def test_what_a_run_repeats_is_stored_once() -> None:
    """Three requests with the same long question and settings cost little more than one."""
    recorder, question = InMemoryRecorder(), "a" * 100_000
    script = ["no", "no", '{"value": 1}']
    bot = lmb.StructuredBot("Count.", output=int, completion=ScriptedCompletion(script), recorder=recorder)
    result = bot.run(question)
    events = recorder.events(result.run_id)
    blobs = [event for event in events if isinstance(event, Blob)]
    assert len({blob.digest for blob in blobs}) == len(blobs) == 2
    assert sum(len(encode_event(event)) for event in events) < 105_000


def test_a_message_that_has_no_json_form_loses_no_answer() -> None:
    recorder = InMemoryRecorder()
    said = lmb.AssistantMessage("a" * LONG, provider_data={"signature": "\ud800"})
    world = world_of(ScriptedCompletion(["yes"]), recorder=recorder)
    answer = perform("drive", Complete(CompletionRequest("", (said,))).__iter__(), world)
    (effect,) = lmb.read_trace(recorder.events("run-1")).effects
    assert effect.request == CompletionRequest("", (lmb.assistant("a" * LONG),))
    assert effect.completion == answer


def test_a_run_whose_options_have_no_json_form_is_logged_all_the_same() -> None:
    recorder, completion = InMemoryRecorder(), ScriptedCompletion(["yes"])
    options = {"stop": "\ud800", "hook": print, "seed": 2**70}
    result = lmb.SimpleBot(completion=completion, recorder=recorder).run("hi", options=options)
    assert completion.requests[0].options == options
    trace = lmb.read_trace(recorder.events(result.run_id))
    assert trace.messages == result.messages
    (effect,) = trace.effects
    assert effect.request is not None
    assert effect.request.options.keys() == options.keys()
    assert effect.completion is not None


@pytest.mark.parametrize("recorder", [InMemoryRecorder()])
def test_a_message_of_an_error_with_half_a_character_is_logged(recorder: InMemoryRecorder) -> None:
    bot = lmb.SimpleBot(completion=ScriptedCompletion([ValueError("\ud800")]), recorder=recorder)
    with pytest.raises(ValueError, match="\ud800"):
        bot("hi")
    (run,) = recorder.runs()
    assert run.error is not None
    assert run.error.message == "\ufffd"


def test_events_are_json_that_others_can_read() -> None:
    recorder = InMemoryRecorder()
    bot = lmb.SimpleBot(completion=ScriptedCompletion(["\ud83d\ude00"]), recorder=recorder)
    result = bot.run(lmb.user("look", lmb.image(data=b"\x89PNG\r\n\x1a\n\x00\xff")))
    for event in recorder.events(result.run_id):
        assert json.loads(encode_event(event))["run_id"] == result.run_id


def test_options_that_change_between_two_requests_are_logged_as_they_were() -> None:
    options = {"seed": 1}

    class Warming(lmb.DecideNode):
        def prep(self, shared: lmb.AgentState) -> Any:
            request, messages = super().prep(shared)
            options["seed"] += 1
            return msgspec.structs.replace(request, options=options), messages

    def look() -> str:
        """Look."""
        return "there"

    call = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("1", "look", "{}"),))
    recorder = InMemoryRecorder()
    agent = lmb.AgentBot(
        tools=[look], decide=Warming(), completion=ScriptedCompletion([call, "done"]), recorder=recorder
    )
    run_id = agent.run("?").run_id
    asked = [effect.request.options for effect in lmb.read_trace(recorder.events(run_id)).effects if effect.request]
    assert asked == [{"seed": 2}, {"seed": 3}]
