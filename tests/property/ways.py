"""The four ways to run a bot, and all that can be seen of a run: what it gave, what it asked, what it logged."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

import llamabot as lmb
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.recorder import RunEvent
from llamabot.testing import CountingIds, InMemoryRecorder, ScriptedCompletion, TickingClock
from llamabot.testing.laws.seen import timeless

__all__ = ["WAYS", "Seen", "events_of", "see", "timeless"]


class Seen(msgspec.Struct, frozen=True):
    """One run from outside.

    Attributes:
        result: what it gave, or None.
        error: what it raised, as its class, its message and its attributes, or None.
        requests: what the model was asked.
        log: the events, without their times, in the order of their paths.
        remembered: the conversation afterwards.
    """

    result: lmb.Result[Any] | None
    error: tuple[type[BaseException], str, dict[str, Any]] | None
    requests: tuple[CompletionRequest, ...]
    log: list[RunEvent]
    remembered: tuple[lmb.Message, ...]


def see(way: str, bots: tuple[type[Any], type[Any]], script: Sequence[Any], *inputs: Any, **settings: Any) -> Seen:
    """Run a bot of either class in one of the four ways, on parts of its own, and tell what could be seen."""
    completion = ScriptedCompletion(copy.copy(script))
    recorder, memory = InMemoryRecorder(), lmb.ChatMemory()
    memory.remember([lmb.user("earlier"), lmb.assistant("indeed")])
    colour = bots["async" in way]
    bot = colour(
        "Answer.",
        name="bot",
        completion=completion,
        recorder=recorder,
        memory=memory,
        clock=TickingClock(),
        ids=CountingIds(),
        **settings,
    )
    result, error = None, None
    try:
        result = WAYS[way](bot, inputs)
    except Exception as caught:
        error = (type(caught), str(caught), dict(vars(caught)))
    return Seen(result, error, completion.requests, events_of(recorder), memory.recall())


def events_of(recorder: InMemoryRecorder) -> list[RunEvent]:
    """Return the log of the only run, without times, sorted by path."""
    (run,) = recorder.runs()
    return timeless(recorder.events(run.run_id))


def _run(bot: SyncShell[Any], inputs: Any) -> Any:
    return bot.run(*inputs)


def _arun(bot: AsyncShell[Any], inputs: Any) -> Any:
    return asyncio.run(bot.run(*inputs))


def _stream(bot: SyncShell[Any], inputs: Any) -> Any:
    with bot.stream(*inputs) as events:
        return _whole(list(events))


def _astream(bot: AsyncShell[Any], inputs: Any) -> Any:
    async def read() -> Any:
        async with bot.stream(*inputs) as events:
            return _whole([event async for event in events])

    return asyncio.run(read())


def _whole(events: list[Any]) -> Any:
    """Return the result that a stream ended with, after checking that what it told on the way is the same."""
    *told, last = _after_retrieval(events)
    assert isinstance(last, lmb.Finished)
    rejected = [at for at, event in enumerate(told) if isinstance(event, lmb.AttemptRejected)]
    answer = told[rejected[-1] + 1 :] if rejected else told
    assert "".join(event.text for event in answer if isinstance(event, lmb.TextDelta)) == last.result.text
    reasoning = "".join(event.text for event in answer if isinstance(event, lmb.ReasoningDelta))
    assert reasoning == (last.result.messages[-1].reasoning or "")
    for event in answer:
        if isinstance(event, lmb.Decided):
            assert event.calls == last.result.messages[-1].tool_calls
            continue
        assert event.text, "an event that tells nothing"
        event.text.encode()
    return last.result


def _after_retrieval(events: list[Any]) -> list[Any]:
    """Return the events without the first, if it tells what was found, after checking that it tells the same."""
    if not isinstance(events[0], lmb.Retrieved):
        return events
    assert events[0].matches == events[-1].result.value.sources
    return events[1:]


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "sync": _run,
    "async": _arun,
    "stream": _stream,
    "async stream": _astream,
}
