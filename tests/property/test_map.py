"""A map is the list of its calls: in both colours, whatever fails, however slow; and nothing is drawn far ahead."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.maps import COLOURS, Fate, Model, bot, fates, mapped, seen

import llamabot as lmb
from llamabot.ports.tools import Cancellation
from llamabot.testing import InMemoryRecorder
from llamabot.testing.laws import Dying, Killed

TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=12)
FATES = st.dictionaries(st.sampled_from("abcdefgh"), fates())
HOW = st.fixed_dictionaries(
    {"concurrency": st.integers(1, 4)}, optional={"as_completed": st.booleans(), "resume": st.just("job")}
)


def _one_by_one(model: Model, inputs: list[Any]) -> list[tuple[Any, ...]]:
    """What calls give that are made one after the other, with a second and a third try."""
    calls = bot("sync", model)
    return seen(_called(calls, index, given) for index, given in enumerate(inputs))


def _called(calls: Any, index: int, given: Any) -> lmb.MapItem[Any]:
    for left in (2, 1, 0):
        try:
            result = calls.run(given)
        except lmb.errors.PortError as error:
            if left and error.retryable:
                continue
            return lmb.MapItem(index, given, error=error)
        except lmb.errors.LlamabotError as error:
            return lmb.MapItem(index, given, error=error)
        return lmb.MapItem(index, given, result.value, usage=result.usage)
    raise AssertionError


@given(inputs=TEXTS, what=FATES, how=HOW, colour=st.sampled_from(COLOURS), odd=st.sampled_from([None, 7, ""]))
def test_a_map_is_the_list_of_its_calls(inputs: list[Any], what: Any, how: Any, colour: str, odd: Any) -> None:
    inputs = inputs if odd is None else [*inputs, odd]
    distinct = [f"{text}{index}" if isinstance(text, str) else text for index, text in enumerate(inputs)]
    what = {text: what.get(text[:1], Fate()) for text in distinct if isinstance(text, str)}
    model = Model(what)
    items = mapped(bot(colour, model), distinct, **how)
    assert seen(sorted(items, key=lambda item: item.index)) == _one_by_one(Model(what), distinct)
    assert model.most <= how["concurrency"]
    if not how.get("as_completed"):
        assert [item.index for item in items] == list(range(len(distinct)))


class Row:
    """An input whose life can be watched."""

    def __init__(self, text: str) -> None:
        self.text = text


class Rows:
    """Rows without end, or almost; counts those that are alive."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.drawn = self.most = self.told = 0
        self._alive: weakref.WeakSet[Row] = weakref.WeakSet()

    def __iter__(self) -> Iterator[Row]:
        for number in range(self.count):
            self.drawn += 1
            row = Row(str(number))
            self._alive.add(row)
            self.most = max(self.most, len(self._alive))
            yield row
            del row
        self.told = sum(isinstance(one, Cancellation) for one in gc.get_objects())

    async def one_by_one(self) -> AsyncIterator[Row]:
        for row in self:
            yield row


def _through(way: str, rows: Rows, **how: Any) -> int:
    """Go through a map and keep nothing; return how many items there were."""
    one = bot(way.split()[0], **{"recorder": None} if "resume" not in how else {})
    settings: dict[str, Any] = {"prompt": lambda row: row.text, "concurrency": 3, **how}

    async def awaited() -> int:
        count = 0
        async for _ in one.map(rows.one_by_one() if "fed" in way else rows, **settings):
            count += 1
        return count

    return asyncio.run(awaited()) if "async" in way else sum(1 for _ in one.map(rows, **settings))


@pytest.mark.parametrize("way", ["sync", "async", "async fed"])
@pytest.mark.parametrize("how", [{}, {"as_completed": True}, {"resume": "job", "key": lambda row: row.text}])
def test_holds_a_bounded_number_of_inputs(way: str, how: Any) -> None:
    gc.collect()
    rows = Rows(120)
    with lmb.override(recorder=InMemoryRecorder(10, durable=True)):
        assert _through(way, rows, **how) == 120
    assert rows.most <= 4 * 3 + 4
    assert rows.told < 50


def test_holds_no_more_inputs_though_the_first_is_slow() -> None:
    rows, model = Rows(100), Model({"0": Fate(turns=3000)})

    async def awaited() -> None:
        async with bot("async", model).map(rows, prompt=lambda row: row.text, concurrency=2) as items:
            assert (await anext(items)).index == 0

    asyncio.run(awaited())
    assert rows.drawn == 4 * 2


@given(how=HOW, taken=st.integers(0, 9), colour=st.sampled_from(COLOURS))
def test_draws_no_more_than_its_items_are_taken(how: Any, taken: int, colour: str) -> None:
    rows = Rows(10**7)
    one = bot(colour)
    settings = {"prompt": lambda row: row.text, **how}

    async def awaited() -> None:
        async with one.map(rows, **settings) as items:
            for _ in range(taken):
                await anext(items)
            for _ in range(50):
                await asyncio.sleep(0)

    if colour == "async":
        asyncio.run(awaited())
    else:
        with one.map(rows, **settings) as items:
            for _ in range(taken):
                next(items)
    assert rows.drawn <= (taken + 4 * how["concurrency"] if taken else 0)


@given(inputs=TEXTS, what=FATES, how=HOW, colour=st.sampled_from(COLOURS), fails_after=st.integers(0, 12))
def test_inputs_that_fail_end_it_after_what_was_begun(
    inputs: list[str], what: Any, how: Any, colour: str, fails_after: int
) -> None:
    def torn() -> Iterator[str]:
        yield from inputs[:fails_after]
        raise OSError("the file is torn")

    items: list[lmb.MapItem[Any]] = []

    async def awaited() -> None:
        async for item in bot("async", Model(what)).map(torn(), **how):
            items.append(item)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(OSError, match="torn"):
        asyncio.run(awaited()) if colour == "async" else items.extend(bot("sync", Model(what)).map(torn(), **how))
    assert sorted(item.index for item in items) == list(range(len(inputs[:fails_after])))


DEATHS = st.lists(st.tuples(st.sampled_from(COLOURS), st.integers(0, 25), st.booleans()), min_size=1, max_size=4)


@settings(deadline=None)
@given(
    inputs=TEXTS,
    what=st.dictionaries(st.sampled_from("abcdefgh"), fates(most_failures=2)),
    deaths=DEATHS,
    last=st.sampled_from(COLOURS),
    how=st.fixed_dictionaries({"concurrency": st.integers(1, 3), "as_completed": st.booleans()}),
)
def test_a_job_whose_processes_die_gives_what_it_would_have_given(
    inputs: list[str], what: Any, deaths: Any, last: str, how: Any
) -> None:
    distinct = [f"{text}{index}" for index, text in enumerate(inputs)]
    what = {text: what.get(text[:1], Fate()) for text in distinct}
    store, model = InMemoryRecorder(durable=True), Model(what)
    for colour, lives, at_once in deaths:
        try:
            mapped(bot(colour, model, recorder=Dying(store, lives, at_once)), distinct, resume="job", **how)
        except Killed:
            continue
    went_on = mapped(bot(last, model, recorder=store), distinct, resume="job", **how)
    calm = mapped(bot(last, Model(what)), distinct, resume="job", **how)
    by_index = lambda item: item.index  # noqa: E731 - it is handed over
    assert _timeless(sorted(went_on, key=by_index)) == _timeless(sorted(calm, key=by_index))
    _check_done_once(store)
    asked = model.asked.copy()
    again = mapped(bot(last, model, recorder=store), distinct, resume="job")
    assert [(item.index, item.value) for item in again] == [
        (item.index, item.value) for item in sorted(went_on, key=by_index)
    ]
    assert all(item.from_log for item in again if item.error is None)
    assert {text for text, count in (model.asked - asked).items() if count} == {t for t in distinct if what[t].refused}


def _timeless(items: list[lmb.MapItem[Any]]) -> list[tuple[Any, ...]]:
    return [(item.index, item.value, type(item.error), str(item.error)) for item in items]


def _check_done_once(store: InMemoryRecorder) -> None:
    from llamabot.ports.recorder import EffectFinished, RunStarted

    for run in store.runs():
        events = store.events(run.run_id)
        given = [event.path for event in events if isinstance(event, EffectFinished) and event.error is None]
        assert len(given) == len(set(given)), "an effect that had an outcome was performed again"
        assert sum(isinstance(event, RunStarted) for event in events) == 1, "a run was begun again"
