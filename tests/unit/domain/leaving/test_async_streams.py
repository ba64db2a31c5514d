"""As `test_streams`, in an event loop."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from tests.property.cores import world_of
from tests.unit.domain.leaving.watching import QUESTION, assert_cancelled, read_all, run_core
from tests.unit.domain.noting import NotingCompletion, statuses

import llamabot as lmb
from llamabot.domain.drivers import adrive_stream
from llamabot.domain.effects import Complete, Core
from llamabot.testing import InMemoryRecorder


class TestAsyncStreams:
    @pytest.mark.parametrize("taken", [1, 2, 3])
    def test_leaving_after_any_event_closes_everything(
        self, taken: int, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def leave() -> None:
            number = 0
            async with abot.stream("?") as events:
                async for event in events:
                    assert event == lmb.TextDelta("abc"[number])
                    number += 1
                    if number == taken:
                        break
            assert port.events == ["opened", "closed"]

        asyncio.run(leave())
        assert_cancelled(recorder, "abc"[:taken])

    def test_an_error_of_the_reader_passes_and_closes_everything(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def fail() -> None:
            async with abot.stream("?") as events:
                async for _ in events:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(fail())
        assert port.events == ["opened", "closed"]
        assert_cancelled(recorder, "a")

    def test_text_left_early_is_closed_with_its_stream(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def leave() -> None:
            async with abot.stream("?") as events:
                async for text in events.text():
                    assert text == "a"
                    break
            assert port.events == ["opened", "closed"]

        asyncio.run(leave())
        assert_cancelled(recorder, "a")

    @pytest.mark.parametrize("streamed", [False, True])
    def test_ctrl_c_in_a_port_passes_through(self, streamed: bool, recorder: InMemoryRecorder) -> None:
        def interrupt(letters: str) -> None:
            if "b" in letters:
                raise KeyboardInterrupt

        port: Any = NotingCompletion("abc", on_letter=interrupt)
        abot = lmb.AsyncSimpleBot(completion=port, recorder=recorder)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(read_all(abot) if streamed else abot("?"))  # type: ignore[arg-type]  # either
        assert port.events == (["opened", "closed"] if streamed else ["complete"])
        assert_cancelled(recorder, "a" if streamed else None)

    def test_a_stream_read_to_its_end_needs_no_block(
        self, abot: lmb.AsyncSimpleBot, recorder: InMemoryRecorder
    ) -> None:
        async def read() -> list[Any]:
            return [event async for event in abot.stream("?")]

        *_, last = asyncio.run(read())
        assert last.result.text == "abc"
        assert statuses(recorder) == ["completed"]

    def test_a_stream_that_is_dropped_closes_itself_and_warns(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def drop() -> None:
            events = abot.stream("?")
            await anext(events)
            with pytest.warns(ResourceWarning, match="dropped before it finished"):
                del events
            for _ in range(20):
                await asyncio.sleep(0)
            assert port.events == ["opened", "closed"]
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(drop())
        assert_cancelled(recorder, "a")

    def test_a_stream_that_was_never_started_does_nothing(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def never() -> None:
            async with abot.stream("?"):
                pass
            await abot.stream("?").aclose()
            abot.stream("?")
            gc.collect()

        asyncio.run(never())
        assert port.events == []
        assert list(recorder.runs()) == []

    def test_the_core_is_closed_too(self, port: NotingCompletion, recorder: InMemoryRecorder) -> None:
        closed = []

        def core() -> Core[None]:
            try:
                yield from Complete(QUESTION)
            finally:
                closed.append(True)

        async def leave() -> None:
            events = adrive_stream(*run_core(core(), world_of(port, recorder=recorder)))
            await anext(events)
            await events.aclose()

        asyncio.run(leave())
        assert closed == [True]
