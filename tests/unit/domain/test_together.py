"""Things done together: in order, all finished, the first error wins, in every driver."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from itertools import count
from typing import Any

import pytest
from tests.property.cores import DRIVERS, answered, assert_orderly, perform, world_of
from tests.unit.domain.noting import answer_of

import llamabot as lmb
from llamabot.domain.drivers import adrive
from llamabot.domain.effects import Complete, Core, Effect, Recall, Remember, Together
from llamabot.domain.run import Run
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.errors import ProviderUnavailable, RateLimited
from llamabot.ports.recorder import EffectFinished, EffectStarted
from llamabot.testing import InMemoryRecorder, TickingClock

SYNC = ["drive", "drive_stream"]
ASYNC = ["adrive", "adrive_stream"]

colour: ContextVar[str] = ContextVar("colour", default="none")


def _ask(text: str) -> Complete:
    return Complete(CompletionRequest("", (lmb.user(text),)))


class Meeting:
    """Answers when `count` requests are there, the last one first: it hangs if they are not made at once."""

    def __init__(self, count: int, failing: dict[str, Exception] | None = None) -> None:
        self.finished: list[str] = []
        self.colours: list[str] = []
        self._failing = failing or {}
        self._count = count
        self._arrived: list[str] = []
        self._all_here = threading.Event()
        self._turn = threading.Condition()

    def _arrive(self, request: CompletionRequest) -> str:
        text = request.messages[-1].text
        with self._turn:
            self.colours.append(colour.get())
            self._arrived.append(text)
            if len(self._arrived) == self._count:
                self._all_here.set()
        return text

    def _answer(self, text: str) -> Completion:
        self.finished.append(text)
        if text in self._failing:
            raise self._failing[text]
        return answer_of(f"re: {text}")

    def complete(self, request: CompletionRequest) -> Completion:
        text = self._arrive(request)
        assert self._all_here.wait(5), "they are not made at once"
        with self._turn:
            assert self._turn.wait_for(lambda: self._is_next(text), 5)
            try:
                return self._answer(text)
            finally:
                self._turn.notify_all()

    async def acomplete(self, request: CompletionRequest) -> Completion:
        text = self._arrive(request)
        async with asyncio.timeout(5):
            while not self._is_next(text):  # noqa: ASYNC110 - three tasks that take turns
                await asyncio.sleep(0)
        return self._answer(text)

    def _is_next(self, text: str) -> bool:
        later = sorted(self._arrived, reverse=True)
        return len(later) == self._count and later.index(text) == len(self.finished)


@pytest.mark.parametrize("driver", DRIVERS)
class TestTogether:
    def test_results_come_in_the_order_of_the_effects(self, driver: str) -> None:
        def core() -> Core[list[Any]]:
            return (yield from Together([_ask("a"), _ask("b"), _ask("c")]))

        port = Meeting(3)
        results = perform(driver, core(), world_of(port))
        assert [completion.message.text for completion in results] == ["re: a", "re: b", "re: c"]
        assert port.finished == ["c", "b", "a"]

    def test_effects_of_different_kinds_may_be_together(self, driver: str) -> None:
        world = world_of(Meeting(1))
        world.memory.remember([lmb.user("earlier")])  # type: ignore[union-attr]  # it is a ChatMemory

        def core() -> Core[list[Any]]:
            return (yield from Together([Recall(), _ask("a"), Remember((lmb.user("x"),))]))

        recalled, completion, nothing = perform(driver, core(), world)
        assert recalled[0] == lmb.user("earlier")
        assert completion.message.text == "re: a"
        assert nothing is None

    @pytest.mark.parametrize("effects", [[], ()])
    def test_nothing_together_is_an_empty_list(self, driver: str, effects: Any) -> None:
        def core() -> Core[list[Any]]:
            return (yield from Together(effects))

        world = world_of()
        assert perform(driver, core(), world) == []
        assert_orderly(world.recorder.events("run-1"))  # type: ignore[union-attr]  # there is one

    def test_siblings_of_a_failure_finish_and_are_logged(self, driver: str) -> None:
        port = Meeting(3, {"c": ProviderUnavailable("down")})
        world = world_of(port)
        with pytest.raises(ProviderUnavailable):
            perform(driver, Together([_ask("a"), _ask("b"), _ask("c")]).__iter__(), world)
        assert port.finished == ["c", "b", "a"]
        trace = lmb.read_trace(world.recorder.events("run-1"))  # type: ignore[union-attr]  # there is one
        assert [(effect.path, effect.error is None) for effect in trace.effects] == [
            ("1.1", True),
            ("1.2", True),
            ("1.3", False),
        ]

    def test_the_first_error_in_the_order_of_the_effects_is_raised(self, driver: str) -> None:
        """The second failed last."""
        port = Meeting(3, {"b": RateLimited("slow down", retry_after_s=2), "c": ProviderUnavailable("down")})
        with pytest.raises(RateLimited):
            perform(driver, Together([_ask("a"), _ask("b"), _ask("c")]).__iter__(), world_of(port))

    def test_a_failure_waits_for_those_that_take_longer(self, driver: str) -> None:
        """The first fails at once, the second is still at work."""
        finished: list[str] = []

        class Uneven:
            def complete(self, request: CompletionRequest) -> Completion:
                if request.messages[-1].text == "a":
                    raise ProviderUnavailable("down")
                time.sleep(0.05)
                finished.append("b")
                return answer_of("b")

            async def acomplete(self, request: CompletionRequest) -> Completion:
                if request.messages[-1].text == "a":
                    raise ProviderUnavailable("down")
                await asyncio.sleep(0.05)
                finished.append("b")
                return answer_of("b")

        world = world_of(Uneven())
        with pytest.raises(ProviderUnavailable):
            perform(driver, Together([_ask("a"), _ask("b")]).__iter__(), world)
        assert finished == ["b"]
        assert_orderly(world.recorder.events("run-1"))  # type: ignore[union-attr]  # there is one

    def test_a_core_may_catch_the_error_and_go_on(self, driver: str) -> None:
        def core() -> Core[str]:
            try:
                yield from Together([_ask("a"), _ask("b")])
            except ProviderUnavailable as error:
                return f"caught {error}"
            return "nothing"

        port = Meeting(2, {"a": ProviderUnavailable("down")})
        assert perform(driver, core(), world_of(port)) == "caught down"

    def test_all_starts_are_one_append_in_the_order_of_the_effects(self, driver: str) -> None:
        appended: list[Any] = []

        class Noting(InMemoryRecorder):
            def append(self, events: Any) -> None:
                appended.append([event.path for event in events if isinstance(event, EffectStarted)])
                super().append(events)

        perform(driver, Together([_ask("a"), _ask("b"), _ask("c")]).__iter__(), world_of(Meeting(3), recorder=Noting()))
        assert [paths for paths in appended if paths] == [["1.1", "1.2", "1.3"]]

    def test_context_variables_reach_every_member(self, driver: str) -> None:
        port = Meeting(2)
        token = colour.set("blue")
        try:
            perform(driver, Together([_ask("a"), _ask("b")]).__iter__(), world_of(port))
        finally:
            colour.reset(token)
        assert port.colours == ["blue", "blue"]

    def test_numbers_go_on_after_it(self, driver: str) -> None:
        def core() -> Core[None]:
            yield from Recall()
            yield from Together([Recall(), Recall()])
            yield from Recall()

        world = world_of()
        perform(driver, core(), world)
        trace = lmb.read_trace(world.recorder.events("run-1"))  # type: ignore[union-attr]  # there is one
        assert [effect.path for effect in trace.effects] == ["1", "2.1", "2.2", "3"]

    def test_more_than_nine_members_are_read_back_in_order(self, driver: str) -> None:
        world = world_of()
        effects: list[Effect[Any]] = [Remember((lmb.user(str(number)),)) for number in range(12)]
        perform(driver, Together(effects).__iter__(), world)
        trace = lmb.read_trace(world.recorder.events("run-1"))  # type: ignore[union-attr]  # there is one
        assert [effect.messages[0].text for effect in trace.effects] == [str(number) for number in range(12)]

    def test_usage_and_cost_are_summed_over_all(self, driver: str) -> None:
        class Priced(Meeting):
            def _answer(self, text: str) -> Completion:
                return Completion(lmb.assistant(text), lmb.FinishReason.STOP, lmb.Usage(2, 1), 0.25)

        priced = Priced(1)
        world = world_of(priced, recorder=InMemoryRecorder(), clock=TickingClock())
        priced._all_here.set()
        run = Run(world, bot="core")
        core = answered(Together([_ask("a")] * 1 + [Recall()]).__iter__())
        result = DRIVERS[driver](run.steps(core), world)
        assert (result.usage, result.cost_usd) == (lmb.Usage(2, 1), 0.25)


class TestColours:
    @pytest.mark.parametrize("driver", SYNC)
    def test_sync_drivers_use_a_thread_for_each(self, driver: str) -> None:
        threads: list[threading.Thread] = []

        class Noting(Meeting):
            def complete(self, request: CompletionRequest) -> Completion:
                threads.append(threading.current_thread())
                return super().complete(request)

        perform(driver, Together([_ask("a"), _ask("b")]).__iter__(), world_of(Noting(2)))
        assert len(set(threads)) == 2
        assert all(thread.daemon for thread in threads)

    @pytest.mark.parametrize("driver", ASYNC)
    def test_async_drivers_stay_on_the_loop(self, driver: str) -> None:
        threads: list[threading.Thread] = []

        class Noting(Meeting):
            async def acomplete(self, request: CompletionRequest) -> Completion:
                threads.append(threading.current_thread())
                return await super().acomplete(request)

        perform(driver, Together([_ask("a"), _ask("b")]).__iter__(), world_of(Noting(2)))
        assert set(threads) == {threading.main_thread()}

    def test_what_is_told_first_refers_to_nothing_that_is_told_later(self) -> None:
        """Two threads recall the same messages; the first to finish is the last to reach the recorder."""
        second_is_in = threading.Event()
        arrivals = count()

        class Overtaking(InMemoryRecorder):
            def append(self, events: Any) -> None:
                recalled = any(isinstance(event, EffectFinished) for event in events)
                if recalled and next(arrivals) == 0:
                    assert second_is_in.wait(5)
                super().append(events)
                if recalled:
                    second_is_in.set()

        world = world_of(recorder=Overtaking())
        world.memory.remember([lmb.user("earlier")])  # type: ignore[union-attr]  # it is a ChatMemory
        perform("drive", Together([Recall(), Recall()]).__iter__(), world)
        trace = lmb.read_trace(world.recorder.events("run-1"))  # type: ignore[union-attr]  # there is one
        assert [effect.messages for effect in trace.effects] == [(lmb.user("earlier"),)] * 2

    def test_cancelling_cancels_all_and_waits_for_them(self) -> None:
        ended: list[str] = []

        class Reluctant:
            async def acomplete(self, request: CompletionRequest) -> Completion:
                try:
                    await asyncio.Event().wait()
                finally:
                    for _ in range(5):
                        await asyncio.sleep(0)
                    ended.append(request.messages[-1].text)
                raise AssertionError

        async def run() -> None:
            world = world_of(Reluctant())
            steps = Run(world, bot="core").steps(answered(Together([_ask("a"), _ask("b")]).__iter__()))
            task = asyncio.create_task(adrive(steps, world))
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert sorted(ended) == ["a", "b"]

        asyncio.run(run())
