"""Spans: steps of the user's own, in which runs nest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.domain.noting import statuses

import llamabot as lmb
from llamabot.domain.threads import in_thread, in_threads
from llamabot.ports.recorder import RunKind
from llamabot.testing import FunctionCompletion, InMemoryRecorder


@pytest.fixture
def recorder() -> Any:
    recorder = InMemoryRecorder()
    with lmb.override(recorder=recorder, completion=FunctionCompletion(lambda request: "yes")):
        yield recorder


def _parents(recorder: InMemoryRecorder) -> dict[str, str | None]:
    """Return the name of the run that each run is in, by name."""
    names = {run.run_id: run.bot for run in recorder.runs()}
    return {run.bot: names.get(run.parent_id or "") for run in recorder.runs()}


def test_runs_and_spans_inside_nest(recorder: InMemoryRecorder) -> None:
    with lmb.span("night", tags={"user": "7"}) as night:
        with lmb.span("hour"):
            lmb.SimpleBot(name="deep")("?")
        lmb.SimpleBot(name="shallow")("?")
    lmb.SimpleBot(name="alone")("?")
    assert _parents(recorder) == {"night": None, "hour": "night", "deep": "hour", "shallow": "night", "alone": None}
    assert {run.bot for run in recorder.runs(parent_id=night)} == {"hour", "shallow"}
    (run,) = (run for run in recorder.runs() if run.run_id == night)
    assert (run.kind, run.tags, str(run.status)) == (RunKind.SPAN, {"user": "7"}, "completed")


def test_a_span_is_there_while_it_runs(recorder: InMemoryRecorder) -> None:
    with lmb.span("night") as run_id:
        (run,) = recorder.runs()
        assert (run.run_id, str(run.status), run.finished_ns) == (run_id, "running", None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("no"), "failed"),
        (lmb.errors.LimitReached("enough"), "limited"),
        (KeyboardInterrupt(), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_an_error_passes_and_ends_it(recorder: InMemoryRecorder, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), lmb.span("night"):
        raise error
    assert statuses(recorder) == [status]
    lmb.SimpleBot(name="after")("?")
    assert _parents(recorder)["after"] is None


def test_the_error_of_a_bot_inside_keeps_the_bots_run(recorder: InMemoryRecorder) -> None:
    bot = lmb.SimpleBot(name="bot")
    with lmb.override(completion=FunctionCompletion(lambda request: lmb.errors.ProviderUnavailable("down"))):
        with_span = lmb.span("night")(bot)
        with pytest.raises(lmb.errors.ProviderUnavailable) as caught:
            with_span("?")
    assert {run.run_id: run.bot for run in recorder.runs()}[caught.value.run_id or ""] == "bot"
    assert caught.value.messages == (lmb.user("?"),)


def test_as_a_decorator_each_call_is_a_span_of_its_own(recorder: InMemoryRecorder) -> None:
    @lmb.span("job")
    def job(text: str) -> str:
        return lmb.SimpleBot(name=text)(text).text

    assert [job("a"), job("b")] == ["yes", "yes"]
    spans = [run for run in recorder.runs() if run.kind is RunKind.SPAN]
    assert len({run.run_id for run in spans}) == 2
    assert _parents(recorder) == {"job": None, "a": "job", "b": "job"}


def test_as_a_decorator_of_an_async_function_it_lasts_as_long_as_the_call(recorder: InMemoryRecorder) -> None:
    @lmb.span("job")
    async def job() -> str:
        await asyncio.sleep(0)
        return (await lmb.AsyncSimpleBot(name="inside")("?")).text

    assert asyncio.run(job()) == "yes"
    assert _parents(recorder) == {"job": None, "inside": "job"}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_generator_is_not_decorated(asynchronous: bool) -> None:
    """It would run after its span has ended."""

    def numbers() -> Any:
        yield 1

    async def anumbers() -> Any:
        yield 1

    with pytest.raises(lmb.errors.UsageError, match=r"with lmb\.span\('job'\):"):
        lmb.span("job")(anumbers if asynchronous else numbers)


def test_one_span_may_be_entered_again(recorder: InMemoryRecorder) -> None:
    job = lmb.span("job")
    with job as outer, job as inner:
        lmb.SimpleBot(name="bot")("?")
    parents = {run.run_id: run.parent_id for run in recorder.runs()}
    assert (parents[outer], parents[inner]) == (None, outer)
    assert _parents(recorder)["bot"] == "job"


def test_tasks_have_spans_of_their_own(recorder: InMemoryRecorder) -> None:
    async def work(name: str) -> None:
        with lmb.span(name):
            await asyncio.sleep(0)
            await lmb.AsyncSimpleBot(name=f"bot of {name}")("?")
            await asyncio.sleep(0)

    async def run() -> None:
        with lmb.span("all"):
            await asyncio.gather(work("a"), work("b"))

    asyncio.run(run())
    assert _parents(recorder) == {"all": None, "a": "all", "b": "all", "bot of a": "a", "bot of b": "b"}


def test_our_own_threads_stay_inside(recorder: InMemoryRecorder) -> None:
    async def run() -> None:
        await in_thread(lambda: lmb.SimpleBot(name="in a thread")("?"))

    with lmb.span("night"):
        in_threads([lambda: lmb.SimpleBot(name="one")("?"), lambda: lmb.SimpleBot(name="other")("?")])
        asyncio.run(run())
    assert _parents(recorder) == {"night": None, "one": "night", "other": "night", "in a thread": "night"}


def test_streams_nest_too(recorder: InMemoryRecorder) -> None:
    async def read() -> None:
        async with lmb.AsyncSimpleBot(name="async").stream("?") as events:
            assert "".join([text async for text in events.text()]) == "yes"

    with lmb.span("night"):
        list(lmb.SimpleBot(name="sync").stream("?"))
        asyncio.run(read())
    assert _parents(recorder) == {"night": None, "sync": "night", "async": "night"}


def test_a_stream_is_in_the_span_it_was_asked_for_in(recorder: InMemoryRecorder) -> None:
    """It may be read elsewhere: by a web server, after the handler has returned."""
    with lmb.span("handler"):
        events = lmb.SimpleBot(name="bot").stream("?")
    list(events)
    assert _parents(recorder) == {"handler": None, "bot": "handler"}


def test_without_a_recorder_nothing_happens() -> None:
    with lmb.override(recorder=None), lmb.span("night") as run_id:
        assert run_id
