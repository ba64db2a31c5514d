"""Keys of a job: each names one input, however many there are, in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.maps import Model, bot

from llamabot.domain.call import ALONE
from llamabot.domain.drivers import NO_WORLD, drive
from llamabot.domain.mapping.item import MapItem
from llamabot.domain.mapping.job import Job
from llamabot.domain.mapping.trying import Tries
from llamabot.ports.errors import UsageError
from llamabot.ports.tools import Cancellation
from llamabot.testing import InMemoryRecorder, VirtualClock


def _passed(recorder: InMemoryRecorder, model: Model, keys: list[str], near: int) -> list[MapItem[object]]:
    """Return the items of a job that keeps so many keys, one after the other."""
    job = Job("job", recorder, str, near)
    tries = Tries(
        bot("sync", model, recorder=recorder),
        {"memory": ALONE},
        prompt=None,
        retry=None,
        job=job,
        accept_changes=True,  # so that nothing but the key refuses an input
        recorder=recorder,
        clock=VirtualClock(),
    )
    drive(job.opening(), NO_WORLD)
    try:
        return [drive(tries.item(index, key, Cancellation()), NO_WORLD) for index, key in enumerate(keys)]
    finally:
        job.close()


@given(keys=st.lists(st.sampled_from("abcd"), max_size=10), near=st.integers(1, 3), begun=st.integers(0, 10))
def test_a_key_is_refused_the_second_time_however_few_are_kept(keys: list[str], near: int, begun: int) -> None:
    """In a job that is new, and in one whose log has some of them."""
    recorder, model = InMemoryRecorder(durable=True), Model()
    for given_ in (keys[:begun], keys):
        items = _passed(recorder, model, given_, near)
        refused = ["a key names one input" in str(item.error) for item in items]
        assert refused == [key in given_[:index] for index, key in enumerate(given_)]
        assert [item.run_id is None for item in items] == refused
    assert set(model.asked.values()) <= {1}


def test_what_is_kept_of_keys_does_not_grow_with_the_inputs() -> None:
    def kept_bytes(inputs: int) -> int:
        job = Job("job", InMemoryRecorder(durable=True), lambda number: f"{number}" * 100, near=100)
        tracemalloc.start()
        try:
            for number in range(inputs):
                job.key_of(number, number)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert kept_bytes(10_000) < 1.5 * kept_bytes(1_000)
    assert kept_bytes(1_000) < 100 * 500, "keys are kept as they are, however long"


def test_a_key_may_be_any_text() -> None:
    job = Job("job", InMemoryRecorder(durable=True), str)
    ids = {job.place(index, job.key_of(index, text), ())[0] for index, text in enumerate(["\ud800", "\udfff", "?"])}
    assert len(ids) == 3


def test_a_job_asks_its_log_after_every_64th_input_to_catch_up_if_it_can() -> None:
    recorder = InMemoryRecorder(durable=True)
    job = Job("job", recorder, None)
    assert [index for index in range(200) if list(job.keeping_up(index))] == [63, 127, 191]

    class Plain:
        resumable = True

    plain: Any = Plain()
    assert not any(list(Job("job", plain, None).keeping_up(index)) for index in range(200))


def test_as_many_keys_are_kept_as_are_said_the_latest_ones() -> None:
    job = Job("job", InMemoryRecorder(durable=True), str, near=2)
    assert [job.key_of(index, key) for index, key in enumerate("ab")] == ["a", "b"]
    with pytest.raises(UsageError, match="the inputs 0 and 2 have the same key 'a'"):
        job.key_of(2, "a")
    assert job.key_of(2, "c") == "c"
    with pytest.raises(UsageError, match="the inputs 2 and 3 have the same key 'c'"):
        job.key_of(3, "c")


def test_a_key_that_is_kept_no_longer_is_refused_with_its_place_and_the_run_that_has_it() -> None:
    first, _, again = _passed(InMemoryRecorder(durable=True), Model(), ["a", "b", "a"], near=1)
    assert f"the input 2 has the key 'a' of an earlier one, whose run is {first.run_id}" in str(again.error)
