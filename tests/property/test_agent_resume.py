"""A run that crashed anywhere, any number of times, and went on in any colour, is the run that never crashed."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.agents import (
    COLOURS,
    PAUSES,
    Decision,
    Dying,
    Killed,
    Model,
    agent,
    assert_done_once,
    assert_valid,
    finish,
    resume,
    run,
    scripts,
    settlement,
    whole,
)
from tests.property.toolboxes import Kit

import llamabot as lmb
from llamabot.testing import InMemoryRecorder

Segment = tuple[str, int, bool]
RUN = "run-1"


def _segments() -> st.SearchStrategy[list[Segment]]:
    """Processes: the colour of each, and after how many events it dies."""
    return st.lists(st.tuples(st.sampled_from(COLOURS), st.integers(0, 30), st.booleans()), min_size=1, max_size=5)


def _crashing(model: Model, kit: Kit, segments: list[Segment], store: InMemoryRecorder, last: str, **parts: Any) -> Any:
    """Run through processes that die, then one that lives."""
    settled: dict[str, Any] = {}
    for colour, lives, at_once in segments:
        bot = agent(colour, model, kit, Dying(store, lives, at_once), **parts)
        try:
            return resume(bot, RUN, **settled) if list(store.runs()) else run(bot)
        except Killed:
            settled = {}
        except (*PAUSES, lmb.errors.PortError) as error:
            assert_valid(error.messages)
            settled = settlement(error)
    if not list(store.runs()):
        return whole(lambda: agent(last, model, kit, store, **parts))
    return finish(lambda: agent(last, model, kit, store, **parts), RUN, settled)


def _gave(result: Any) -> tuple[Any, ...]:
    return result.value, result.text, result.messages, result.usage, result.cost_usd, result.finish_reason


@given(script=scripts(), segments=_segments(), last=st.sampled_from(COLOURS))
def test_a_run_that_crashed_is_the_run_that_never_did(
    script: list[Decision], segments: list[Segment], last: str
) -> None:
    model, kit = Model(script), Kit()
    never = InMemoryRecorder(durable=True)
    calm_model, calm_kit = Model(script), Kit()
    calm = whole(lambda: agent("sync", calm_model, calm_kit, never))
    store = InMemoryRecorder(durable=True)
    result = _crashing(model, kit, segments, store, last)
    assert _gave(result) == _gave(calm)
    assert_valid(result.messages)
    assert_done_once(store.events(RUN), kit)
    once = [call_id for call_id, _ in kit.ran if _name(result.messages, call_id).startswith(("once", "asks_once"))]
    assert len(set(once)) == len(once), "what must not be repeated was"


def _name(messages: tuple[lmb.Message, ...], call_id: str) -> str:
    calls = [call for message in messages if isinstance(message, lmb.AssistantMessage) for call in message.tool_calls]
    return next(call.name for call in calls if call.id == call_id)


class Patient(lmb.DecideNode):
    """Asks once more where the provider failed."""

    def exec(self, prep_res: Any) -> Any:
        try:
            return (yield from super().exec(prep_res))
        except lmb.errors.ProviderUnavailable:
            return (yield from super().exec(prep_res))


@settings(max_examples=40)
@given(script=scripts(), segments=_segments(), last=st.sampled_from(COLOURS))
def test_an_error_that_a_graph_survived_is_survived_again(
    script: list[Decision], segments: list[Segment], last: str
) -> None:
    """What was asked instead is in the log too, and is not asked again."""
    results = []
    for processes in ([], segments):
        store, model, kit = InMemoryRecorder(durable=True), Model(script), Kit()
        results.append(_crashing(model, kit, processes, store, last, decide=Patient()))
        assert_done_once(store.events(RUN), kit)
        errors = [run.error for run in store.runs()]
        assert errors == [None]
    assert _gave(results[0]) == _gave(results[1])


@settings(max_examples=40)
@given(script=scripts(fails=False), segments=_segments(), last=st.sampled_from(COLOURS))
def test_a_conversation_is_as_it_was_when_the_run_began(
    script: list[Decision], segments: list[Segment], last: str
) -> None:
    """The turn is added in the end, at least once: a crash may hide that it was."""
    results = []
    for processes in ([], segments):
        memory = lmb.ChatMemory()
        memory.remember([lmb.user("earlier"), lmb.assistant("indeed")])
        store, model, kit = InMemoryRecorder(durable=True), Model(script), Kit()
        results.append(_crashing(model, kit, processes, store, last, memory=memory))
        turn = results[0].messages[3:]
        assert memory.recall()[2:] in (turn, turn * 2, turn * 3, turn * 4, turn * 5, turn * 6)
    assert _gave(results[0]) == _gave(results[1])
