"""A clock that only tests move, and ids that can be foretold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from llamabot.testing import CountingIds, TickingClock


def test_every_reading_has_a_time_of_its_own() -> None:
    clock = TickingClock(tick_ns=10)
    assert [clock.monotonic_ns() for _ in range(3)] == [0, 10, 20]
    assert clock.now_ns() == 1_800_000_000_000_000_030


def test_both_of_its_times_go_on_together() -> None:
    clock = TickingClock(start_ns=1000, tick_ns=0)
    clock.advance(1.5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (1_500_001_000, 1_500_000_000)


def test_threads_never_read_the_same_time() -> None:
    clock = TickingClock(tick_ns=1)
    with ThreadPoolExecutor(8) as pool:
        times = list(pool.map(lambda _: clock.monotonic_ns(), range(2000)))
    assert sorted(times) == list(range(2000))


def test_ids_count_from_one() -> None:
    ids = CountingIds("run")
    assert [ids.new_id() for _ in range(3)] == ["run-1", "run-2", "run-3"]


def test_threads_never_get_the_same_id() -> None:
    ids = CountingIds()
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: ids.new_id(), range(2000)))
    assert len(set(given)) == 2000
