"""The laws of runs that break off: a crash at any event, a cancellation anywhere; and then they go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.ports.errors import RunPaused
from llamabot.ports.recorder import EffectFinished, EffectStarted, RunEvent
from llamabot.testing.behaviour import Behaviour
from llamabot.testing.laws.broken import Broken, same
from llamabot.testing.laws.dying import Dying, Killed
from llamabot.testing.laws.going import Outcome, finish, outcome_of, settlement, whole
from llamabot.testing.laws.trial import Trial
from llamabot.testing.laws.world import RUN, World

__all__ = [
    "Cancellation",
    "Process",
    "cancellations",
    "goes_on_after_a_cancellation",
    "goes_on_after_crashes",
    "processes",
]


class Process(msgspec.Struct, frozen=True):
    """A process that goes on with the run.

    Attributes:
        colour: of its bot.
        dies_after: so many events of the log, counted from the first on again where the run has fewer; one that is
            None lives.
        at_once: it dies with the last of them, else with the next.
    """

    colour: str
    dies_after: int | None = None
    at_once: bool = False


def processes(trial: Trial) -> SearchStrategy[tuple[Process, ...]]:
    """Processes that die, and then one that lives."""
    dying = st.builds(Process, trial.colours(), st.integers(0, 30), st.booleans())
    return st.builds(
        lambda some, last: (*some, Process(last)), st.lists(dying, min_size=1, max_size=4), trial.colours()
    )


def goes_on_after_crashes(trial: Trial, behaviour: Behaviour, given: tuple[Process, ...]) -> None:
    """A run whose processes die at any event is, resumed, the run that never broke off; nothing is done twice."""
    calm, world = trial.world(behaviour), trial.world(behaviour)
    expected = _whole(trial, calm)
    *dying, last = given
    went_on = _through(trial, world, dying, len(calm.store.events(RUN))) or _to_the_end(trial, world, last.colour)
    same("what the run gave", ("never broken off", expected), ("crashed and resumed", went_on))
    _check_done_once(trial, world)


def _whole(trial: Trial, calm: World) -> Outcome:
    return whole(lambda: trial.bot(trial.makers.colours[0], calm), trial.ask, calm.answer)


def _through(trial: Trial, world: World, dying: Sequence[Process], events: int) -> Outcome | None:
    """Go through processes that die within so many events; return what the run gave if one came to its end."""
    settled: dict[str, Any] = {}
    for process in dying:
        recorder = Dying(world.store, (process.dies_after or 0) % (events + 1), process.at_once)
        bot = trial.bot(process.colour, world, recorder=recorder)
        begun = any(world.store.runs())
        try:
            return outcome_of(partial(_gone_on, bot, trial.ask, settled, begun=begun), wait_for=(RunPaused,))
        except Killed:
            settled = {}
        except RunPaused as error:
            settled = settlement(error, world.answer)
    return None


def _gone_on(bot: Any, ask: Any, settled: Mapping[str, Any], *, begun: bool) -> Any:
    return bot.resume(RUN, **settled) if begun else bot.run(ask)


def _to_the_end(trial: Trial, world: World, colour: str) -> Outcome:
    """Go on in a process that lives."""
    make = lambda: trial.bot(colour, world)  # noqa: E731 - it is called again and again
    if not list(world.store.runs()):
        return whole(make, trial.ask, world.answer)
    return finish(make, RUN, world.answer)


def _check_done_once(trial: Trial, world: World) -> None:
    """Check that nothing with an outcome was done again, and nothing that must not be, in any case."""
    events = world.store.events(RUN)
    given = Counter(event.path for event in events if isinstance(event, EffectFinished) and event.error is None)
    if again := {path: count for path, count in given.items() if count > 1}:
        raise Broken(f"effects that had an outcome were performed again, by path: {again}")
    keys: dict[str, set[str]] = {}
    for call, key in world.box.ran:
        keys.setdefault(call.id, set()).add(key)
    if several := {id_: found for id_, found in keys.items() if len(found) > 1}:
        raise Broken(f"a call was made under several idempotency keys: {several}")
    once = {tool.name for tool in trial.tools if not tool.idempotent}
    ran = Counter(call.id for call, _ in world.box.ran if call.name in once)
    if twice := {id_: count for id_, count in ran.items() if count > 1}:
        raise Broken(f"calls of tools that must not run twice ran again: {twice}")


class Cancellation(msgspec.Struct, frozen=True):
    """How a run is broken off.

    Attributes:
        colour: of the bot.
        by: a task that is cancelled, a stream that is closed, or Ctrl-C.
        after: so many turns of the loop, events of the stream, or requests and calls; where there are fewer of these,
            they are counted from the first on again.
        then: the colour that goes on.
    """

    colour: str
    by: str
    after: int
    then: str


def cancellations(trial: Trial) -> SearchStrategy[Cancellation]:
    """Ways to break a run off that its colours have, most of them before it has ended."""
    # What ends in the middle of a call shows most, and a stream that is left ends between two.
    kinds = {"async": ("task", "task", "stream"), "sync": ("Ctrl-C", "Ctrl-C", "stream")}
    ways = [
        st.builds(Cancellation, st.just(colour), st.just(by), st.integers(0, 40), trial.colours())
        for colour in trial.makers.colours
        for by in kinds[colour]
    ]
    return st.one_of(ways)


def _places_in(calm: World, by: str) -> int:
    """Return at how many places a run like this one may be broken off, about, so that few are behind its end."""
    steps = len(calm.model.requests) + len(calm.box.ran)
    return {"task": 10 + 5 * steps, "stream": 4 + 4 * steps, "Ctrl-C": max(1, steps)}[by]


def goes_on_after_a_cancellation(trial: Trial, behaviour: Behaviour, given: Cancellation) -> None:
    """A run that is cancelled anywhere has a log that tells all, and goes on to what it would have given."""
    calm = trial.world(behaviour)
    expected = _whole(trial, calm)
    given = msgspec.structs.replace(given, after=given.after % _places_in(calm, given.by))
    left = given.after + 1 if given.by == "Ctrl-C" else -1

    def count_down(_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt

    world = trial.world(behaviour, count_down)
    bot = trial.bot(given.colour, world)
    try:
        _broken_off(bot, given, trial.ask)
    except (KeyboardInterrupt, Exception):  # noqa: BLE001 - how it ends is seen in the log
        left = -1
    left = -1
    if not list(world.store.runs()):
        return
    _check_told(world)
    went_on = finish(lambda: trial.bot(given.then, world), RUN, world.answer)
    same("what the run gave", ("never broken off", expected), ("cancelled and resumed", went_on))
    _check_done_once(trial, world)


def _broken_off(bot: Any, given: Cancellation, ask: Any) -> None:
    """Run a bot, and break it off."""
    if given.by == "Ctrl-C":
        bot.run(ask)
    elif given.by == "task":
        asyncio.run(_cancelled(bot, given.after, ask))
    elif given.colour == "async":
        asyncio.run(_aleft(bot, given.after, ask))
    else:
        with bot.stream(ask) as events:
            for _ in range(given.after):
                next(events, None)


async def _cancelled(bot: Any, turns: int, ask: Any) -> None:
    task = asyncio.ensure_future(bot.run(ask))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _aleft(bot: Any, seen: int, ask: Any) -> None:
    async with bot.stream(ask) as events:
        for _ in range(seen):
            await anext(events, None)


def _check_told(world: World) -> None:
    (run,) = world.store.runs(parent_id=None, limit=1)
    events = world.store.events(RUN)
    started, ended = _places(events, EffectStarted), _places(events, EffectFinished)
    if run.status == "running":
        raise Broken("the log does not say that the run has ended: it stands as running")
    if started != ended:
        raise Broken(f"in the log not each start has one end: {started} began, {ended} ended")


def _places(events: Sequence[RunEvent], kind: type[Any]) -> list[tuple[str, int]]:
    return sorted((event.path, event.attempt) for event in events if isinstance(event, kind))
