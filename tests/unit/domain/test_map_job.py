"""A job: what its log holds is told from there, what was begun goes on, the rest is done; in one hand at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.property.maps import BOTH, COLOURS, Fate, Model, bot, mapped, seen

import llamabot as lmb
from llamabot.adapters.wrap.metadata import MetadataRecorder
from llamabot.ports.recorder import RecorderPort
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion
from llamabot.testing.laws import Dying, Killed


def _texts(items: Any) -> list[str]:
    return [item.unwrap().text for item in items]


class Store:
    """A log that outlives processes, and the bots of one that lives."""

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.recorder = InMemoryRecorder(durable=True)

    def mapped(self, model: Any, inputs: list[Any], **settings: Any) -> list[lmb.MapItem[Any]]:
        return mapped(bot(self.colour, model, recorder=self.recorder), inputs, resume="job", **settings)


@pytest.fixture(params=COLOURS)
def store(request: pytest.FixtureRequest) -> Store:
    return Store(request.param)


def test_what_is_done_is_told_from_the_log_and_costs_nothing(store: Store) -> None:
    before = store.mapped(Model(), ["a", "b"])
    told: list[lmb.MapProgress] = []
    after = store.mapped(ScriptedCompletion(), ["a", "b"], progress=told.append)
    assert seen(after) == seen(before)
    assert [item.run_id for item in after] == [item.run_id for item in before]
    assert [item.from_log for item in (*before, *after)] == [False, False, True, True]
    assert (told[-1].from_log, told[-1].cost_usd, told[-1].usage) == (2, 0.0, lmb.Usage())


def test_what_failed_is_tried_again_where_it_failed(store: Store) -> None:
    (before,) = store.mapped(Model({"a": Fate(failures=3)}), ["a"])
    assert before.error is not None
    (after,) = store.mapped(Model(), ["a"])
    assert after.unwrap().text == "A"
    assert after.run_id == before.run_id
    (run,) = store.recorder.runs()
    (*_, last) = lmb.read_trace(store.recorder.events(run.run_id)).effects
    assert last.attempt == 4


def test_an_input_is_known_by_its_place_and_what_it_asks(store: Store) -> None:
    store.mapped(Model(), ["a", "b", "c"])
    model = Model()
    assert _texts(store.mapped(model, ["a", "B", "c", "d"])) == ["A", "B", "C", "D"]
    assert set(model.asked) == {"B", "d"}


def test_inputs_that_ask_the_same_are_two(store: Store) -> None:
    model = Model()
    one, other = store.mapped(model, ["a", "a"])
    assert one.run_id != other.run_id
    assert model.asked == {"a": 2}
    (run,) = store.recorder.runs(tags={"map.key": "1"})
    assert run.run_id == other.run_id, "the tag of its place is another's"


def test_runs_of_a_job_follow_each_other_in_a_log_that_is_kept_in_order(store: Store) -> None:
    ids = [item.run_id or "" for item in store.mapped(Model(), [f"{place}" for place in range(20)])]
    assert ids == sorted(ids)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_job_waits_now_and_then_for_its_log_and_loses_no_answer_when_that_fails(colour: str) -> None:
    class Slow(InMemoryRecorder):
        flushes = 0

        def flush(self, timeout_s: float | None = None) -> None:
            self.flushes += 1
            raise OSError("the disk is full")

    recorder, inputs = Slow(durable=True), [f"{place}" for place in range(130)]
    whole = bot(colour, Model(), recorder=recorder)
    assert _texts(mapped(whole, inputs, resume="job")) == inputs
    assert recorder.flushes == 2
    mapped(whole, inputs)
    assert recorder.flushes == 2


def test_an_input_is_known_by_its_key_wherever_it_stands(store: Store) -> None:
    rows = [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
    how: dict[str, Any] = {"key": lambda row: row["id"], "prompt": lambda row: row["text"]}
    store.mapped(Model(), rows, **how)
    model = Model()
    items = store.mapped(model, [{"id": 3, "text": "c"}, *reversed(rows)], **how)
    assert _texts(items) == ["C", "B", "A"]
    assert set(model.asked) == {"c"}
    (run,) = store.recorder.runs(tags={"map": "job", "map.key": "2"})
    assert run.run_id == items[1].run_id


def test_a_changed_input_with_a_known_key_is_told_and_not_passed_over(store: Store) -> None:
    store.mapped(Model(), ["a"], key=lambda _: "k")
    (item,) = store.mapped(ScriptedCompletion(), ["other"], key=lambda _: "k")
    assert isinstance(item.error, lmb.errors.ReplayDiverged)
    assert "another key to what has changed, or accept_changes=True" in str(item.error)
    (item,) = store.mapped(ScriptedCompletion(), ["other"], key=lambda _: "k", accept_changes=True)
    assert item.unwrap().text == "A"


def test_a_changed_bot_is_told(store: Store) -> None:
    store.mapped(Model(), ["a"])
    other = bot(store.colour, Model(), recorder=store.recorder).with_(temperature=1)
    (item,) = mapped(other, ["a"], resume="job")
    assert isinstance(item.error, lmb.errors.ReplayDiverged)
    (item,) = mapped(other, ["a"], resume="job", accept_changes=True)
    assert item.from_log


def test_a_key_names_one_input(store: Store) -> None:
    model = Model()
    items = store.mapped(model, ["a", "b", "a"], key=str, concurrency=3)
    assert _texts(items[:2]) == ["A", "B"]
    assert isinstance(items[2].error, lmb.errors.UsageError)
    assert "the inputs 0 and 2 have the same key 'a'" in str(items[2].error)
    assert items[2].run_id is None
    again = store.mapped(ScriptedCompletion(), ["a", "b", "a"], key=str)
    assert seen(again) == seen(items)


@pytest.mark.parametrize(
    ("key", "kind"), [(lambda text: text.no, AttributeError), (lambda _: None, lmb.errors.UsageError)]
)
def test_a_key_that_cannot_be_made_fails_that_input(store: Store, key: Any, kind: type[Exception]) -> None:
    (item,) = store.mapped(Model(), ["a"], key=key)
    assert isinstance(item.error, kind)


def test_keys_that_are_numbers_and_texts_do_not_meet_places(store: Store) -> None:
    store.mapped(Model(), ["a"])
    model = Model()
    store.mapped(model, ["a"], key=lambda _: 0)
    assert model.asked == {"a": 1}


def test_a_long_key_is_cut_for_people_and_for_nothing_else(store: Store) -> None:
    texts = [f"{'a' * 300}{number}" for number in range(2)]
    one, other = store.mapped(Model(), texts, key=str)
    assert one.run_id != other.run_id
    assert {run.tags["map.key"] for run in store.recorder.runs()} == {"a" * 200}


def test_jobs_do_not_know_of_each_other(store: Store) -> None:
    model = Model()
    one = bot(store.colour, model, recorder=store.recorder)
    ids = {item.run_id for job in ("a", "ab", "b") for item in mapped(one, ["x"], resume=job)}
    assert model.asked == {"x": 3}
    assert len(ids) == 3


@pytest.mark.parametrize("recorder", [None, InMemoryRecorder(), MetadataRecorder(InMemoryRecorder(durable=True))])
@BOTH
def test_a_job_needs_a_log_that_it_can_go_on_from(colour: str, recorder: RecorderPort | None) -> None:
    with lmb.override(recorder=recorder), pytest.raises(lmb.errors.ConfigurationError, match="SqliteRecorder"):
        bot(colour).map(["a"], resume="job")


@BOTH
def test_a_job_is_in_one_hand_at_a_time(colour: str) -> None:
    recorder = InMemoryRecorder(durable=True)
    one = bot(colour, recorder=recorder)

    async def awaited() -> None:
        async with one.map(["a", "b"], resume="job") as items:
            await anext(items)
            with pytest.raises(lmb.errors.RunBusy, match="the job 'job' is at work elsewhere"):
                await anext(one.map(["a"], resume="job"))
            assert [item.index async for item in one.map(["a"], resume="another")] == [0]

    if colour == "async":
        asyncio.run(awaited())
    else:
        with one.map(["a", "b"], resume="job") as items:
            next(items)
            with pytest.raises(lmb.errors.RunBusy, match="the job 'job' is at work elsewhere"):
                next(one.map(["a"], resume="job"))
            mapped(one, ["a"], resume="another")
    assert _texts(mapped(one, ["a", "b"], resume="job")) == ["A", "B"]


@BOTH
def test_what_a_job_holds_is_found_by_one_look_at_the_log(colour: str) -> None:
    looks: list[Any] = []

    class Watched(InMemoryRecorder):
        def runs(self, **filters: Any) -> Any:
            looks.append(filters)
            return super().runs(**filters)

        def events(self, run_id: str) -> Any:
            looks.append(run_id)
            return super().events(run_id)

    recorder = Watched(durable=True)
    one = bot(colour, recorder=recorder)
    mapped(one, ["a", "b", "c"], resume="job")
    mapped(one, ["a", "b", "c"], resume="other", key=str)
    assert looks == [{"tags": {"map": "job"}}, {"tags": {"map": "other"}}]


def test_a_paused_run_is_an_item_until_someone_has_decided(store: Store) -> None:
    @lmb.tool(needs_approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    def reply(request: Any) -> Any:
        if isinstance(request.messages[-1], lmb.ToolMessage):
            return "done"
        return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "pay", "{}"),))

    make: Any = lmb.AgentBot if store.colour == "sync" else lmb.AsyncAgentBot
    one = make(tools=[pay], model="fake", completion=FunctionCompletion(reply), recorder=store.recorder)
    for _ in range(2):
        (item,) = mapped(one, ["go"], resume="job")
        assert isinstance(item.error, lmb.errors.ApprovalNeeded)
        assert item.error.run_id == item.run_id
    done = one.resume(item.run_id, approvals={"c": True})
    assert (asyncio.run(done) if store.colour == "async" else done).text == "done"
    (item,) = mapped(one, ["go"], resume="job")
    assert item.unwrap().text == "done"


def _noting(store: Any, make: Any, ran: list[str]) -> Any:
    """Return an agent that notes what it is asked, by a tool that must not run twice."""

    @lmb.tool(idempotent=False)
    def note(text: str) -> str:
        """Note a text."""
        ran.append(text)
        return "noted"

    def reply(request: Any) -> Any:
        if isinstance(request.messages[-1], lmb.ToolMessage):
            return "done"
        text = request.messages[-1].text
        return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "note", f'{{"text": "{text}"}}'),))

    return make(tools=[note], model="fake", completion=FunctionCompletion(reply), recorder=store)


@BOTH
def test_an_agent_of_a_job_whose_process_dies_anywhere_does_no_finished_tool_twice(colour: str) -> None:
    make: Any = lmb.AgentBot if colour == "sync" else lmb.AsyncAgentBot
    died = 0
    for lives in range(24):
        ran: list[str] = []
        store = InMemoryRecorder(durable=True)
        one = _noting(Dying(store, lives), make, ran)
        try:
            mapped(one, ["x", "y"], resume="job", concurrency=2)
        except Killed:
            died += 1
            items = mapped(one.with_(recorder=store), ["x", "y"], resume="job")
            unknown = [item.input for item in items if isinstance(item.error, lmb.errors.ToolOutcomeUnknown)]
            assert [item.input for item in items if item.error is not None] == unknown
            assert len(ran) == len(set(ran)), "a tool that must not run twice did"
            assert {*ran, *unknown} == {"x", "y"}
    assert died > 10
