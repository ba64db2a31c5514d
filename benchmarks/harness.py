"""How things are measured: interleaved rounds, medians with their quartiles, a calibration loop in every round.

What is compared alternates in each round, in an order that turns round, so that a change of the machine's speed meets
both sides. Differences and ratios are taken within a round. Nothing here knows the library.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

__all__ = ["CALIBRATION", "Clock", "Row", "Section", "Spread", "calibration_us", "per_call_us", "rounds", "spread"]

Clock = Callable[[], float]
CALIBRATION = "calibration"
_CALIBRATION_STEPS = 10_000


class Spread(msgspec.Struct, frozen=True):
    """The median of some measurements, and the quartiles around it."""

    median: float
    low: float
    high: float


class Row(msgspec.Struct, frozen=True):
    """One line of a table.

    Attributes:
        what: was measured.
        judged: the figure that the budget is about.
        unit: of the judged figure.
        budget: None where there is none.
        at_least: the budget is a floor.
        bare: what it is compared with.
        ours: the same with the library.
        sides_unit: of `bare` and `ours`.
    """

    what: str
    judged: Spread
    unit: str
    budget: float | None = None
    at_least: bool = False
    bare: Spread | None = None
    ours: Spread | None = None
    sides_unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the budget, or None without one."""
        if self.budget is None:
            return None
        return self.judged.median >= self.budget if self.at_least else self.judged.median <= self.budget


class Section(msgspec.Struct, frozen=True):
    """What one subject has to say.

    Attributes:
        text: what was compared with what, and how.
        calibration_us: the calibration loop during the measurement.
        notes: findings that are no figures.
    """

    title: str
    text: str
    rows: Sequence[Row]
    calibration_us: Spread | None = None
    notes: Sequence[str] = ()


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def per_call_us(work: Callable[[], object], calls: int, clock: Clock = time.process_time) -> float:
    """Return microseconds of `clock` that one call of `work` takes, on the average of several."""
    begin = clock()
    for _ in range(calls):
        work()
    return (clock() - begin) / calls * 1e6


def calibration_us() -> float:
    """Return CPU microseconds of a fixed piece of Python, by which machines and moments can be compared."""
    begin = time.process_time()
    table: dict[int, int] = {}
    for step in range(_CALIBRATION_STEPS):
        table[step & 1023] = step
    return (time.process_time() - begin) * 1e6


def rounds(count: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure all sides and the calibration loop in each of `count` rounds, every second one backwards.

    One round more goes before and is thrown away.
    """
    every = {**sides, CALIBRATION: calibration_us}
    found: dict[str, list[float]] = {name: [] for name in every}
    for number in range(-1, count):
        gc.collect()
        for name in list(every) if number % 2 else reversed(every):
            value = every[name]()
            if number >= 0:
                found[name].append(value)
    return found


def difference(what: str, bare: Sequence[float], ours: Sequence[float], unit: str, budget: float | None) -> Row:
    """Return a row about how much more ours takes than the bare one."""
    more = [mine - other for other, mine in zip(bare, ours, strict=True)]
    return Row(what, spread(more), f"{unit} more", budget, bare=spread(bare), ours=spread(ours), sides_unit=unit)


def ratio(what: str, bare: Sequence[float], ours: Sequence[float], unit: str, budget: float | None) -> Row:
    """Return a row about how many times the bare one ours takes."""
    times = [mine / other for other, mine in zip(bare, ours, strict=True)]
    return Row(what, spread(times), "×", budget, bare=spread(bare), ours=spread(ours), sides_unit=unit)
