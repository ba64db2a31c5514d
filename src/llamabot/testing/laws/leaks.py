"""The law of state: a call leaves nothing in the bot, and knows nothing of one that happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.adapters.fake.ids import CountingIds
from llamabot.ports.completion import CompletionRequest
from llamabot.testing.behaviour import Behaviour
from llamabot.testing.laws.broken import same
from llamabot.testing.laws.going import Outcome, outcome_of, way_to_run
from llamabot.testing.laws.seen import unhurried
from llamabot.testing.laws.trial import Trial
from llamabot.testing.laws.world import World

__all__ = ["holds_no_state", "meanwhiles"]

_OTHER = "Something else."


def meanwhiles(trial: Trial) -> SearchStrategy[tuple[str, int]]:
    """A colour, and at which request of the first call a second one begins and ends."""
    return st.tuples(trial.colours(), st.integers(0, 3))


def holds_no_state(trial: Trial, behaviour: Behaviour, given: tuple[str, int]) -> None:
    """One bot that is asked before, afterwards and in the middle of a call gives what a bot made for each gives."""
    colour, at = given
    worlds = {ask: trial.world(behaviour) for ask in (trial.ask, _OTHER)}
    alone = {ask: outcome_of(partial(_run, trial, colour, ask, world)) for ask, world in worlds.items()}
    outcomes: dict[str, Outcome] = {}
    begun = threading.Event()
    requests: list[CompletionRequest] = []

    def meanwhile(event: Any) -> None:
        if isinstance(event, CompletionRequest) and not begun.is_set():
            requests.append(event)
            if len(requests) > at:
                begun.set()
                in_a_thread(lambda: outcomes.update(between=outcome_of(lambda: bot.run(_OTHER))))

    world = trial.world(behaviour, meanwhile)
    bot = trial.bot(colour, world, ids=CountingIds())
    outcomes["first"] = outcome_of(lambda: bot.run(trial.ask))
    outcomes["afterwards"] = outcome_of(lambda: bot.run(_OTHER))
    outcomes["again"] = outcome_of(lambda: way_to_run(bot, True, trial.ask))
    asks = [_OTHER if name in ("between", "afterwards") else trial.ask for name in outcomes]
    for (name, outcome), ask in zip(outcomes.items(), asks, strict=True):
        same(f"the call {_WHEN[name]}", ("of a bot made for it", alone[ask]), ("of the bot that is shared", outcome))
    asked = unhurried([request for ask in asks for request in worlds[ask].model.requests])
    by_one = unhurried(world.model.requests)
    same("what the model was asked", ("by bots made for it", _sorted(asked)), ("by one", _sorted(by_one)))


_WHEN = {
    "first": "around another",
    "between": "in the middle of another",
    "afterwards": "after another",
    "again": "that is made again",
}


def _run(trial: Trial, colour: str, ask: Any, world: World) -> Any:
    return trial.bot(colour, world).run(ask)


def _sorted(requests: Iterable[CompletionRequest]) -> list[CompletionRequest]:
    return sorted(requests, key=repr)


def in_a_thread(work: Callable[[], Any]) -> None:
    """Do something in a thread, and wait for it: a loop may be running on this one."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
