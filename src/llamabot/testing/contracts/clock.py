"""The contract of clocks."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest

from llamabot.testing.contracts.at_once import all_at_once
from llamabot.testing.contracts.contract import Contract, not_made

__all__ = ["ClockContract"]

_YEAR_2001_NS = 10**18
_YEAR_2286_NS = 10**19
_HOUR_NS = 3_600 * 10**9
_WAIT_S = 0.02
_LONG_S = 2.0


class ClockContract(Contract):
    """Promises of `ClockPort`: `now_ns`, `monotonic_ns`, `sleep` and `asleep`.

        class TestMyClock(ClockContract):
            def make(self):
                return MyClock()

    - Both return an `int`: nanoseconds, never a float.
    - `now_ns` is the time of day since 1970-01-01 UTC: between the years 2001 and 2286, and the same in any time zone.
      It may jump.
    - `monotonic_ns` never goes back, whichever thread reads it.
    - Time passes: after a wait of s seconds `monotonic_ns` is s seconds further at least, and less than a minute more.
      How one waits on this clock is said by `let_pass`.
    - Reading `now_ns` does not set `monotonic_ns` back, nor the other way round.
    - After `sleep(s)` and after `asleep(s)` it is s seconds further at least, and less than a minute more.
    - While a task is in `asleep`, others run; a task that is cancelled in it ends as one.
    """

    def make(self) -> Any:
        """Return a clock."""
        raise not_made(self)

    def let_pass(self, clock: Any, seconds: float) -> None:
        """Wait on the clock; by default in real time. A clock that stands still is told here to go on."""
        time.sleep(seconds)

    def test_counts_whole_nanoseconds(self) -> None:
        clock = self.make()
        assert type(clock.now_ns()) is int
        assert type(clock.monotonic_ns()) is int

    def test_tells_the_time_of_day_in_nanoseconds_since_1970(self) -> None:
        assert _YEAR_2001_NS < self.make().now_ns() < _YEAR_2286_NS

    @pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set here")
    def test_tells_the_same_time_of_day_in_any_time_zone(self) -> None:
        clock, told = self.make(), []
        try:
            with pytest.MonkeyPatch.context() as environment:
                for zone in ("UTC", "EAST-11", "WEST+11"):
                    environment.setenv("TZ", zone)
                    time.tzset()
                    told.append(clock.now_ns())
        finally:
            time.tzset()
        assert max(told) - min(told) < _HOUR_NS, f"11 hours east and west of UTC it tells {told}"

    def test_never_goes_back(self) -> None:
        clock = self.make()
        readings = []
        for _ in range(500):
            clock.now_ns()
            readings.append(clock.monotonic_ns())
        assert [(one, other) for one, other in pairwise(readings) if other < one] == []

    def test_the_time_of_day_does_not_set_it_back(self) -> None:
        clock = self.make()
        self.let_pass(clock, _WAIT_S)
        before = clock.monotonic_ns()
        clock.now_ns()
        assert clock.monotonic_ns() >= before

    def test_never_goes_back_for_threads_that_share_it(self) -> None:
        clock = self.make()

        def work(number: int) -> None:
            readings = [clock.monotonic_ns() for _ in range(200)]
            assert readings == sorted(readings)

        clock.monotonic_ns()
        self.let_pass(clock, _WAIT_S)
        before = clock.monotonic_ns()
        first: list[int] = []
        all_at_once(lambda number: first.append(clock.monotonic_ns()), 2)
        all_at_once(work, 8)
        assert min(first) >= before
        assert clock.monotonic_ns() >= before

    def test_goes_on_by_as_much_as_passes(self) -> None:
        clock = self.make()
        before = clock.monotonic_ns()
        self.let_pass(clock, _WAIT_S)
        assert _WAIT_S * 1e9 <= clock.monotonic_ns() - before < (_WAIT_S + 60) * 1e9

    def test_sleeps_until_so_much_has_passed(self) -> None:
        clock = self.make()
        before = clock.monotonic_ns()
        clock.sleep(_WAIT_S)
        check_slept(clock.monotonic_ns() - before)

    def test_awaits_until_so_much_has_passed(self) -> None:
        clock = self.make()
        before = clock.monotonic_ns()
        asyncio.run(clock.asleep(_WAIT_S))
        check_slept(clock.monotonic_ns() - before)

    def test_lets_other_tasks_run_while_one_sleeps(self) -> None:
        clock = self.make()

        async def other_runs() -> bool:
            ran = asyncio.Event()
            other = asyncio.ensure_future(_set(ran))
            await clock.asleep(_WAIT_S)
            did_run = ran.is_set()
            await other
            return did_run

        assert asyncio.run(other_runs()), "the event loop stood still meanwhile"

    def test_a_sleeping_task_can_be_cancelled(self) -> None:
        clock = self.make()

        async def cancel() -> None:
            sleeping = asyncio.ensure_future(clock.asleep(_LONG_S))
            await asyncio.sleep(0)
            has_ended = not sleeping.cancel()
            done, _ = await asyncio.wait([sleeping], timeout=1)
            assert done, "it slept on after it was cancelled"
            assert has_ended or sleeping.cancelled(), "a task that is cancelled ends so"

        asyncio.run(cancel())


def check_slept(passed_ns: int) -> None:
    """Check that a sleep took as long as it should have."""
    assert _WAIT_S * 1e9 <= passed_ns < (_WAIT_S + 60) * 1e9


async def _set(event: asyncio.Event) -> None:
    event.set()
