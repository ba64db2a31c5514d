"""The laws of one run: the same in every way, transcripts that providers take, limits that hold, a replay."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.adapters.fake.memory import ChatMemory
from llamabot.domain.limits import Limits
from llamabot.ports.errors import LimitReached, RunPaused
from llamabot.ports.messages import AssistantMessage, UserMessage
from llamabot.testing.behaviour import Behaviour
from llamabot.testing.laws.broken import Broken, check_transcript, same
from llamabot.testing.laws.going import Outcome, finish, outcome_of, waited, way_to_run, whole
from llamabot.testing.laws.seen import Seen, timeless, unhurried
from llamabot.testing.laws.trial import Trial, named
from llamabot.testing.laws.world import RUN, Untouchable, World

__all__ = ["alike", "few_limits", "keeps_limits", "now_and_then_limits", "replays", "valid"]

# No answer in it: the model counts its own messages to know the turn.
_EARLIER = (UserMessage("earlier"),)
_TOKENS = 5
_ENOUGH = 8
"""More decisions than a generated model asks for that comes to an end."""


def alike(trial: Trial, behaviour: Behaviour, _: None) -> None:
    """Sync, async and streamed, a run gives, asks, logs, remembers and does the same."""
    first, *others = trial.ways()
    seen = _see(trial, behaviour, first)
    if not seen.log:
        raise Broken("nothing was logged: the bot does not use the recorder that it is given")
    for way in others:
        other = _see(trial, behaviour, way)
        for name in Seen.__struct_fields__:
            same(f"what the run {_WHAT[name]}", (named(first), getattr(seen, name)), (named(way), getattr(other, name)))


_WHAT = {
    "outcome": "gave",
    "requests": "asked the model",
    "log": "logged",
    "remembered": "remembered",
    "ran": "had its tools do",
}


def _see(trial: Trial, behaviour: Behaviour, way: tuple[str, bool]) -> Seen:
    world, memory = trial.world(behaviour), ChatMemory()
    memory.remember(_EARLIER)
    bot = trial.bot(way[0], world, memory=memory)
    outcome = outcome_of(lambda: way_to_run(bot, way[1], trial.ask))
    ran = sorted((call.id, key) for call, key in world.box.ran)
    asked = unhurried(world.model.requests)
    return Seen(outcome, asked, timeless(world.store.events(RUN)), memory.recall(), ran)


def few_limits(trial: Trial) -> SearchStrategy[tuple[Limits, tuple[str, bool]]]:
    """Limits that are reached soon, one alone as often as several, and a way to run."""
    decisions, tool_calls = st.integers(1, 4), st.integers(0, 2) | st.integers(0, 4)
    tokens = st.integers(1, 3).map(lambda n: _TOKENS * n)
    enough = st.just(_ENOUGH)
    several = st.builds(Limits, decisions=decisions, tool_calls=st.none() | tool_calls, tokens=st.none() | tokens)
    alone = (
        st.builds(Limits, decisions=decisions),
        st.builds(Limits, decisions=enough, tool_calls=tool_calls),
        st.builds(Limits, decisions=enough, tokens=tokens),
    )
    return st.tuples(st.one_of(several, *alone), trial.way())


def now_and_then_limits(trial: Trial) -> SearchStrategy[tuple[Limits, tuple[str, bool]]]:
    """As `few_limits`, half of them none that is reached but by a model without an end: most bugs show later."""
    return st.tuples(st.just(Limits(decisions=_ENOUGH)), trial.way()) | few_limits(trial)


def valid(trial: Trial, behaviour: Behaviour, given: tuple[Limits, tuple[str, bool]]) -> None:
    """Whatever happens, each request, each transcript and what is remembered are such as every provider takes."""
    limits, way = given
    memory = ChatMemory(turns=1)
    for ask in (trial.ask, "And then?"):
        world = trial.world(behaviour)
        bot = trial.bot(way[0], world, memory=memory, limits=limits)
        outcome = outcome_of(lambda bot=bot, ask=ask: way_to_run(bot, way[1], ask))  # type: ignore[misc]  # bound at once
        for request in world.model.requests:
            check_transcript("a request", request.messages)
        check_transcript("the transcript", _answered(trial, outcome))
        check_transcript("what was remembered", memory.recall())


def _answered(trial: Trial, outcome: Outcome) -> Any:
    """Return a transcript without a last message whose calls are for whoever asked: the bot runs no tools."""
    last = outcome.messages[-1] if outcome.messages else None
    if outcome.gave is None or not isinstance(last, AssistantMessage):
        return outcome.messages
    hands_on = not trial.tools or last.tool_calls == outcome.gave[0]
    return outcome.messages[:-1] if hands_on else outcome.messages


def keeps_limits(trial: Trial, behaviour: Behaviour, given: tuple[Limits, tuple[str, bool]]) -> None:
    """No limit is passed; one that is reached stops the run, and with a larger one it goes on to its end."""
    limits, way = given
    world = trial.world(behaviour)
    bot = trial.bot(way[0], world, limits=limits)
    gave: Outcome | None = None
    try:
        gave = outcome_of(lambda: way_to_run(bot, way[1], trial.ask), wait_for=(LimitReached, RunPaused))
    except LimitReached as error:
        if getattr(limits, error.limit, None) is None:
            raise Broken(f"the run was stopped by {error.limit!r}, which is not limited: {limits}") from None
    except RunPaused:
        pass
    _check_within(limits, world)
    if not behaviour.loops:
        _same_without(trial, behaviour, world, gave)


def _same_without(trial: Trial, behaviour: Behaviour, world: World, gave: Outcome | None) -> None:
    """Check that a run gave what it gives without limits; one that was stopped, once it went on without."""
    free, calm = Limits(decisions=None), trial.world(behaviour)
    expected = whole(lambda: trial.bot(trial.makers.colours[0], calm, limits=free), trial.ask, calm.answer)
    how = "not stopped by its limits" if gave else "resumed with a larger limit"
    if gave is None:
        gave = finish(lambda: trial.bot(trial.makers.colours[0], world, limits=free), RUN, world.answer, limits=free)
    same("what the run gave", ("never limited", expected), (how, gave))


def _check_within(limits: Limits, world: World) -> None:
    asked, ran = len(world.model.requests), len(world.box.ran)
    spent = sum(reply.usage.total_tokens for reply in world.model.replies[: asked - 1] if reply.usage)
    for name, used, most in (
        ("decisions", asked, limits.decisions),
        ("tool_calls", ran, limits.tool_calls),
        ("tokens", spent + 1, limits.tokens),
    ):
        if most is not None and used > most:
            raise Broken(f"{name} is limited to {most}, and the run went on after that: {asked} requests, {ran} calls")


def replays(trial: Trial, behaviour: Behaviour, given: tuple[tuple[str, bool], str]) -> None:
    """A recorded run, told again from its log, gives what it gave and touches nothing."""
    way, colour = given
    world = trial.world(behaviour)
    outcome = outcome_of(lambda: way_to_run(trial.bot(way[0], world), way[1], trial.ask))
    still: Any = Untouchable(world.store)
    others = dict.fromkeys(("completion", "recorder"), still) | ({"tools": [still]} if trial.tools else {})
    told = outcome_of(lambda: waited(trial.bot(colour, world, **others).replay(RUN)))
    same("what the run gave", ("then", outcome), ("replayed", told))
