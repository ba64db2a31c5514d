"""Who shows how far a map is: what is told, and when there is nothing more to show."""

from __future__ import annotations

import threading
from typing import Any

from tests.property.maps import BOTH, Fate, Model, bot, mapped

import llamabot as lmb
from llamabot.testing import FunctionCompletion


class Bar:
    """Keeps what it was told, and whether it was closed."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.has_quick = threading.Event()
        self.closed = 0

    def __call__(self, progress: lmb.MapProgress) -> None:
        self.told.append((progress.done, progress.running))
        if progress.done == 1:
            self.has_quick.set()

    def close(self) -> None:
        self.closed += 1


@BOTH
def test_tells_how_many_are_worked_on_and_closes_who_shows_it(colour: str) -> None:
    bar = Bar()

    def reply(request: Any) -> str:
        if request.messages[-1].text == "slow":
            assert bar.has_quick.wait(20)
        return "yes"

    model: Any = Model({"slow": Fate(turns=50)}) if colour == "async" else FunctionCompletion(reply)
    mapped(bot(colour, model), ["slow", "quick"], progress=bar, concurrency=2)
    assert bar.told == [(0, 0), (1, 1), (2, 0)]
    assert bar.closed == 1
