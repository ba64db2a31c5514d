"""A run in a hard world: processes die, tasks are cancelled, limits are reached, people answer in part."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
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
FREE = lmb.Limits(decisions=None)
colours = st.sampled_from(COLOURS)


class HardWorld(RuleBasedStateMachine):
    """One run, whatever happens to it; in the end it is the run to which nothing happened."""

    @initialize(script=scripts(max_size=3))
    def begin(self, script: list[Decision]) -> None:
        never = InMemoryRecorder(durable=True)
        calm_model, calm_kit = Model(script), Kit()
        self.calm = whole(lambda: agent("sync", calm_model, calm_kit, never))
        self.model, self.kit, self.store = Model(script), Kit(), InMemoryRecorder(durable=True)
        self.waiting: Any = None

    def _attempt(self, colour: str, recorder: Any, **call: Any) -> None:
        """Start the run or go on with it; whatever comes of it, what a person is asked is kept."""
        bot = agent(colour, self.model, self.kit, recorder)
        try:
            if list(self.store.runs()):
                self._assert_calm(resume(bot, RUN, **{"limits": FREE, **call}))
            else:
                call.pop("approvals", None)
                call.pop("outcomes", None)
                self._assert_calm(run(bot, **{"limits": FREE, **call}))
        except Killed:
            pass
        except (*PAUSES, lmb.errors.LimitReached, lmb.errors.PortError) as error:
            assert_valid(error.messages)
            self.waiting = error if isinstance(error, PAUSES) else self.waiting
            return
        self.waiting = self.waiting if self._status() == "paused" else None

    def _status(self) -> str:
        return next((str(found.status) for found in self.store.runs()), "")

    def _assert_calm(self, result: Any) -> None:
        assert (result.value, result.messages, result.usage) == (self.calm.value, self.calm.messages, self.calm.usage)
        assert self._status() == "completed"

    @rule(colour=colours, lives=st.integers(0, 25), at_once=st.booleans(), answered=st.booleans())
    def dies(self, colour: str, lives: int, at_once: bool, answered: bool) -> None:
        settled = settlement(self.waiting) if answered and self._status() == "paused" else {}
        self._attempt(colour, Dying(self.store, lives, at_once), **settled)

    @rule(colour=colours, limits=st.builds(lmb.Limits, decisions=st.integers(1, 3), tool_calls=st.integers(0, 6)))
    def reaches_a_limit(self, colour: str, limits: lmb.Limits) -> None:
        self._attempt(colour, self.store, limits=limits)

    @rule(turns=st.integers(0, 40))
    def is_cancelled(self, turns: int) -> None:
        bot = agent("async", self.model, self.kit, self.store)

        async def cancelled() -> None:
            known = list(self.store.runs())
            coming = bot.resume(RUN, limits=FREE) if known else bot.run("go", limits=FREE)
            task = asyncio.create_task(coming)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled() and isinstance(task.exception(), PAUSES):
                self.waiting = task.exception()

        asyncio.run(cancelled())

    @precondition(lambda self: self.waiting is not None and self._status() == "paused")
    @rule(colour=colours, most=st.integers(1, 2))
    def is_answered_in_part(self, colour: str, most: int) -> None:
        ((kind, answers),) = settlement(self.waiting).items()
        self._attempt(colour, self.store, **{kind: dict(list(answers.items())[:most])})

    @invariant()
    def nothing_was_done_twice_and_all_can_be_read(self) -> None:
        if list(self.store.runs()):
            events = self.store.events(RUN)
            assert_done_once(events, self.kit)
            if self._status() != "running":
                assert_valid(lmb.read_trace(events).messages)

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        if not list(self.store.runs()):
            return
        settled = settlement(self.waiting) if self._status() == "paused" and self.waiting else {}
        self._assert_calm(finish(lambda: agent("sync", self.model, self.kit, self.store), RUN, settled, limits=FREE))


HardWorld.TestCase.settings = settings(max_examples=40, stateful_step_count=8)
TestHardWorld = HardWorld.TestCase
