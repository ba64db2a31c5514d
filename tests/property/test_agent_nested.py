"""A bot as a tool: its run lies inside the other's, and what it finished is not paid again, whoever crashes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.property.agents import (
    COLOURS,
    PAUSES,
    Decision,
    Dying,
    Killed,
    Model,
    agent,
    assert_done_once,
    assert_valid,
    finish,
    resume,
    run,
    scripts,
    settlement,
    whole,
)
from tests.property.toolboxes import Kit

import llamabot as lmb
from llamabot.testing import InMemoryRecorder

RUN = "run-1"
INNER = ("look", "look_sync", "look_async", "break", "final", "once", "alone", "asks", "nowhere")


class Family:
    """An agent that asks another: two models, the tools of the inner one; bots are made anew for each process."""

    def __init__(self, questions: list[list[str]], inner: list[Decision], colours: tuple[str, str]) -> None:
        turns = [tuple((f"{turn}{n}", "helper", f'{{"question": "{text}"}}') for n, text in enumerate(asked))
                 for turn, asked in enumerate(questions)]  # fmt: skip
        self.outer, self.inner, self.kit = Model([Decision("", calls) for calls in turns]), Model(inner), Kit()
        self._colours = colours

    def bot(self, recorder: Any) -> Any:
        inner = agent(self._colours[1], self.inner, self.kit, recorder, prompt="Help.")
        return agent(self._colours[0], self.outer, inner.as_tool("helper"), recorder)


def _questions() -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(st.sampled_from(["who", "why"]), min_size=1, max_size=2), min_size=1, max_size=2)


def _runs(store: InMemoryRecorder) -> dict[str, Any]:
    return {run.run_id: (run.parent_id, str(run.status), run.usage) for run in store.runs()}


@given(
    questions=_questions(),
    inner=scripts(INNER, fails=False, max_size=2),
    colours=st.tuples(*[st.sampled_from(COLOURS)] * 2),
    deaths=st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=4),
)
def test_what_a_run_inside_finished_is_not_paid_again(
    questions: list[list[str]],
    inner: list[Decision],
    colours: tuple[str, str],
    deaths: list[tuple[int, bool]],
) -> None:
    never, calm_family = InMemoryRecorder(durable=True), Family(questions, inner, colours)
    calm = whole(lambda: calm_family.bot(never))
    store, family = InMemoryRecorder(durable=True), Family(questions, inner, colours)
    result = _crashing(family, deaths, store)
    assert (result.value, result.messages, result.usage) == (calm.value, calm.messages, calm.usage)
    assert _runs(store) == _runs(never)
    for run_id in _runs(store):
        assert_done_once(store.events(run_id), family.kit if run_id != RUN else Kit())
        assert_valid(lmb.read_trace(store.events(run_id)).messages)


def _crashing(family: Family, deaths: list[tuple[int, bool]], store: InMemoryRecorder) -> Any:
    settled: dict[str, Any] = {}
    for lives, at_once in deaths:
        bot = family.bot(Dying(store, lives, at_once))
        try:
            return resume(bot, RUN, **settled) if store.events(RUN) else run(bot)
        except Killed:
            settled = {}
        except PAUSES as error:
            settled = settlement(error)
    if not list(store.runs()):
        return whole(lambda: family.bot(store))
    return finish(lambda: family.bot(store), RUN, settled)


def test_runs_lie_inside_each_other() -> None:
    """The property compares; this keeps what it compares from being empty."""
    for colours in [(outer, inner) for outer in COLOURS for inner in COLOURS]:
        store = InMemoryRecorder(durable=True)
        family = Family([["who", "why"]], [Decision("", (("a", "look", "{}"),))], colours)
        result = run(family.bot(store))
        assert [message.text for message in result.messages[-3:]] == ["done", "done", "done"]
        parents = sorted(str(run.parent_id) for run in store.runs())
        assert parents == ["None", RUN, RUN]
        assert len(family.inner.asked) == 4
