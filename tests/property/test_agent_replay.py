"""A log tells its run again without touching the world; a bot that has changed is found out before it does anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.agents import (
    COLOURS,
    Decision,
    Model,
    agent,
    assert_valid,
    finish,
    replay,
    resume,
    run,
    scripts,
    settlement,
)
from tests.property.toolboxes import Kit

import llamabot as lmb
from llamabot.ports.recorder import encode_event
from llamabot.testing import InMemoryRecorder
from llamabot.testing.laws.world import Untouchable

RUN = "run-1"
PROMPTS = ("Act.", "Act, but kindly.", "A" * 2000)


def _replayed(colour: str, store: InMemoryRecorder, **settings: Any) -> Any:
    world = Untouchable(store)
    return _outcome(lambda: replay(agent(colour, world, world, world, memory=world, **settings), RUN))


def _outcome(go: Any) -> Any:
    """Return what a run gave, or what its error tells."""
    try:
        result = go()
        return result.value, result.text, result.messages, result.usage, result.cost_usd, result.run_id
    except lmb.errors.LlamabotError as error:
        told = {name: value for name, value in vars(error).items() if name != "__notes__"}
        assert_valid(error.messages)
        return type(error), str(error), told


@settings(max_examples=60)
@given(
    script=scripts(),
    decisions=st.integers(1, 5),
    cost=st.none() | st.integers(1, 3),
    colours=st.tuples(*[st.sampled_from(COLOURS)] * 2),
    memory=st.booleans(),
)
def test_a_replay_gives_what_the_run_gave_and_touches_nothing(
    script: list[Decision], decisions: int, cost: int | None, colours: tuple[str, str], memory: bool
) -> None:
    """Whether it was completed, failed, reached a limit or waits for someone."""
    store = InMemoryRecorder(durable=True)
    limits = lmb.Limits(decisions=decisions, cost_usd=cost and cost / 64)
    conversation = lmb.ChatMemory() if memory else None
    bot = agent(colours[0], Model(script), Kit(), store, limits=limits, memory=conversation)
    then = _outcome(lambda: run(bot))
    assert _replayed(colours[1], store) == then


@given(script=scripts(), prompt=st.sampled_from(PROMPTS[1:]), colours=st.tuples(*[st.sampled_from(COLOURS)] * 2))
def test_a_changed_prompt_is_found_out_before_anything_is_done(
    script: list[Decision], prompt: str, colours: tuple[str, str]
) -> None:
    store, model, kit = InMemoryRecorder(durable=True), Model([*script, Decision(fails=True)]), Kit()
    _outcome(lambda: run(agent(colours[0], model, kit, store)))
    before = _state(store, model, kit)
    for go in (
        lambda: resume(agent(colours[1], model, kit, store, prompt=prompt), RUN),
        lambda: replay(agent(colours[1], model, kit, store, prompt=prompt), RUN),
    ):
        with pytest.raises(lmb.errors.ReplayDiverged) as diverged:
            go()
        assert diverged.value.run_id == RUN
        assert f'+  "content": "{prompt[:40]}' in str(diverged.value).replace('   "', '  "')
        assert _state(store, model, kit) == before


def _state(store: InMemoryRecorder, model: Model, kit: Kit) -> Any:
    return [encode_event(event) for event in store.events(RUN)], len(model.asked), len(kit.ran)


@settings(max_examples=60)
@given(
    script=scripts(),
    prompt=st.sampled_from(PROMPTS),
    temperature=st.sampled_from([None, 0.5]),
    decisions=st.integers(1, 3),
    colours=st.tuples(*[st.sampled_from(COLOURS)] * 2),
)
def test_accepted_changes_go_on_with_the_recorded_transcript_and_todays_prompt(
    script: list[Decision], prompt: str, temperature: float | None, decisions: int, colours: tuple[str, str]
) -> None:
    store, model, kit = InMemoryRecorder(durable=True), Model(script), Kit()
    settled, asked = {}, 0
    try:
        run(agent(colours[0], model, kit, store, limits=lmb.Limits(decisions=decisions)))
    except lmb.errors.LlamabotError as error:
        settled = settlement(error)
    asked = len(model.asked)
    bot = lambda: agent(colours[1], model, kit, store, prompt=prompt, temperature=temperature)  # noqa: E731 - short
    result = finish(bot, RUN, settled, accept_changes=True, limits=lmb.Limits(decisions=None))
    assert result.messages[0].text == prompt
    assert result.messages[1].text == "go"
    assert all(request.messages[0].text == prompt for request in model.asked[asked:])
    _assert_the_log_tells_what_was_asked(store, model)


def _assert_the_log_tells_what_was_asked(store: InMemoryRecorder, model: Model) -> None:
    told = [effect.request for effect in lmb.read_trace(store.events(RUN)).effects if effect.effect == "complete"]
    assert sorted(map(repr, told)) == sorted(map(repr, model.asked))
