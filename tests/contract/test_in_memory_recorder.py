from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable

import pytest
from tests.contract.children import run
from tests.contract.own_recorder import OwnRecorderContract

from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.ports.errors import ConfigurationError, RecorderError
from llamabot.ports.recorder import LOG_SCHEMA_VERSION, Blob, EffectStarted, RunEvent, RunResumed
from llamabot.testing.contracts import RecorderContract
from llamabot.testing.faults import faulty
from llamabot.testing.runs import NOW_NS, a_run


class TestInMemoryRecorder(OwnRecorderContract):
    def make(self) -> InMemoryRecorder:
        return InMemoryRecorder()


class TestFaultlessRecorder(RecorderContract):
    examples = 6

    def make(self) -> InMemoryRecorder:
        return faulty(InMemoryRecorder(durable=True), [None])


class TestDurableInMemoryRecorder(TestInMemoryRecorder):
    examples = 14

    def make(self) -> InMemoryRecorder:
        return InMemoryRecorder(durable=True)


def _ids(recorder: InMemoryRecorder) -> list[str]:
    return sorted(run.run_id for run in recorder.runs())


def test_lets_the_runs_go_that_finished_longest_ago() -> None:
    recorder = InMemoryRecorder(max_runs=3)
    recorder.append(a_run("span")[:-1])
    for name in ("b", "a", "c", "d"):
        recorder.append(a_run(name))
    assert _ids(recorder) == ["c", "d", "span"]
    assert recorder.events("b") == ()


def test_lets_the_oldest_go_if_all_of_them_run() -> None:
    recorder = InMemoryRecorder(max_runs=2)
    for name in ("b", "a", "c"):
        recorder.append(a_run(name)[:-1])
    assert _ids(recorder) == ["a", "c"]


def test_never_holds_more_bytes_than_it_may() -> None:
    recorder = InMemoryRecorder(max_bytes=100_000)
    for number in range(200):
        recorder.append(a_run(f"{number:03}"))
        recorder.append([Blob(f"{number:03}", f"own {number}", "x" * 5_000), *_big_effect(f"{number:03}", 1_000)])
        assert _held_bytes(recorder) <= 100_000
    assert 10 < len(_ids(recorder)) < 20
    assert _ids(recorder)[-1] == "199"


def test_does_not_keep_a_run_that_is_larger_than_everything() -> None:
    recorder = InMemoryRecorder(max_bytes=100_000)
    recorder.append(_big_effect("big", 200_000))
    assert recorder.events("big") == ()
    recorder.append(a_run("small"))
    assert _ids(recorder) == ["small"]


def test_counts_a_shared_blob_once_and_lets_it_go_with_its_last_run() -> None:
    recorder = InMemoryRecorder(max_bytes=100_000)
    for name in ("one", "two"):
        recorder.append([*a_run(name), Blob(name, "shared", "x" * 70_000)])
    assert _ids(recorder) == ["one", "two"]
    recorder.delete("one")
    recorder.delete("two")
    assert _held_bytes(recorder) == 0


def test_loses_an_append_that_cannot_be_encoded_whole_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    recorder = InMemoryRecorder()
    broken = EffectStarted("run", NOW_NS, "1", "call", input="\ud800")
    with caplog.at_level(logging.WARNING, "llamabot"):
        recorder.append([*a_run("run"), broken])
        recorder.append([broken])
    assert recorder.events("run") == ()
    assert recorder.lost_events == len(a_run("run")) + 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_ticket_tells_what_could_not_be_encoded() -> None:
    ticket = InMemoryRecorder(durable=True).append([EffectStarted("run", NOW_NS, "1", "call", input="\ud800")])
    assert ticket is not None
    with pytest.raises(RecorderError, match="no JSON form"):
        ticket.result(0)


def test_a_run_that_was_resumed_is_not_the_first_to_go() -> None:
    recorder = InMemoryRecorder(max_runs=2)
    recorder.append([*a_run("resumed"), RunResumed("resumed", NOW_NS + 9, LOG_SCHEMA_VERSION)])
    recorder.append(a_run("ended"))
    recorder.append(a_run("latest")[:-1])
    assert _ids(recorder) == ["latest", "resumed"]


def test_a_run_that_ended_twice_goes_by_its_last_end() -> None:
    recorder = InMemoryRecorder(max_runs=2)
    for name in ("twice", "once"):
        recorder.append(a_run(name))
    recorder.append(a_run("twice")[-1:])
    recorder.append(a_run("latest"))
    assert _ids(recorder) == ["latest", "twice"]


def test_gives_large_blobs_back_before_the_events_each_once() -> None:
    recorder = InMemoryRecorder()
    run = [event for event in a_run("run") if not isinstance(event, Blob)]
    one, other, small = Blob("run", "one", "1" * 3_000), Blob("run", "other", "2" * 3_000), Blob("run", "small", "3")
    for part in ([run[0], one], [other, run[1], one], [small, small], run[2:]):
        recorder.append(part)
    assert recorder.events("run") == (one, other, small, *run)
    recorder.delete("run")
    assert _held_bytes(recorder) == 0


@pytest.mark.parametrize("size", [10, 3_000], ids=["small", "large"])
def test_what_waits_to_be_taken_in_changes_no_more(size: int) -> None:
    recorder, value = InMemoryRecorder(), {"said": "before"}
    start, blob = a_run("run")[0], Blob("run", "own", "x" * size)
    events = [start, blob, EffectStarted("run", NOW_NS, "1", "call", input=value)]
    with recorder._lock:  # as another thread has it that is in the middle of an append
        recorder.append(events)
        value["said"] = "after"
        events.clear()
    assert recorder.events("run") == (blob, start, EffectStarted("run", NOW_NS, "1", "call", input={"said": "before"}))


@pytest.mark.parametrize("bounds", [{"max_runs": 0}, {"max_bytes": 0}])
def test_refuses_to_keep_nothing(bounds: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        InMemoryRecorder(**bounds)


class _Interrupting(str):
    """A run's id in the middle of whose use something else happens, as a garbage collection may."""

    __slots__ = ("interrupt",)
    interrupt: Callable[[], None]

    def __hash__(self) -> int:
        self.interrupt()
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)


def test_takes_what_the_garbage_collector_appends_in_the_middle_of_an_append() -> None:
    recorder = InMemoryRecorder()
    run_id = _Interrupting("run")
    run_id.interrupt = lambda: recorder.append(a_run("dropped"))
    worker = threading.Thread(target=recorder.append, args=(a_run(run_id),), daemon=True)
    worker.start()
    worker.join(20)
    assert not worker.is_alive(), "an append waits for itself"
    assert len(_ids(recorder)) == 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_child_goes_on_with_what_was_known_and_waits_for_no_thread_that_it_lacks() -> None:
    run(_FORKS)


_FORKS = """
import os, threading, warnings
from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.testing.runs import a_run

warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what is tried
recorder, stop = InMemoryRecorder(), threading.Event()
recorder.append(a_run("known"))

def busy(thread):
    number = 0
    while not stop.is_set():
        recorder.append(a_run(f"{thread}.{number}"))
        recorder.delete(f"{thread}.{number}")
        number += 1

threads = [threading.Thread(target=busy, args=(thread,), daemon=True) for thread in range(3)]
for thread in threads:
    thread.start()
for number in range(40):
    child = os.fork()
    if not child:
        recorder.append(a_run(f"child {number}"))
        found = {run.run_id for run in recorder.runs()}
        os._exit(0 if {"known", f"child {number}"} <= found else 3)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
assert recorder.events("child 0") == ()
"""


def _big_effect(run_id: str, size: int) -> list[RunEvent]:
    return [EffectStarted(run_id, NOW_NS, "1", "call", input="x" * size)]


def _held_bytes(recorder: InMemoryRecorder) -> int:
    """Count what is held by looking, not by the recorder's own account."""
    runs = [*recorder._running.values(), *recorder._finished.values()]
    return sum(sys.getsizeof(data) for run in runs for data in run.appended) + sum(
        sys.getsizeof(data) for data in recorder._blobs.data.values()
    )
