"""Running a bot: in each of the ways that it has, to whatever end, and on until it waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeAlias

import msgspec

from llamabot.domain.approvals import Denied
from llamabot.domain.result import Finished, TextDelta
from llamabot.ports.errors import ApprovalNeeded, LlamabotError, RunPaused, ToolOutcomeUnknown
from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.tools import ToolCall, ToolResult
from llamabot.testing.laws.broken import Broken

__all__ = ["Makers", "Outcome", "finish", "outcome_of", "settlement", "waited", "way_to_run", "whole"]

_MOST_TRIES = 60
Answer: TypeAlias = Callable[[ToolCall], ToolResult]


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended.

    Attributes:
        gave: value, text, cost and finish reason; None with an error.
        error: its class and message; None without.
        messages: the transcript.
        usage: tokens.
    """

    gave: tuple[Any, ...] | None
    error: tuple[str, str] | None
    messages: tuple[Message, ...]
    usage: Any


class Makers:
    """How a bot is made, by colour."""

    def __init__(self, *makers: Callable[..., Any] | None) -> None:
        self.by_colour: dict[str, Callable[..., Any]] = {}
        self._makers = [maker for maker in makers if maker is not None]

    def sort(self, ports: Mapping[str, Any]) -> None:
        """Find out the colour of each by making a bot."""
        for maker in self._makers:
            colour = "async" if iscoroutinefunction(maker(**ports).run) else "sync"
            self.by_colour[colour] = maker

    def make(self, colour: str, ports: Mapping[str, Any]) -> Any:
        """Return a bot, made anew as another process would."""
        return self.by_colour[colour](**ports)

    @property
    def colours(self) -> list[str]:
        """The colours that there are."""
        return list(self.by_colour)


def outcome_of(go: Callable[[], Any], wait_for: tuple[type[BaseException], ...] = ()) -> Outcome:
    """Return what a run gave, or what its error tells; errors in `wait_for` are raised."""
    try:
        result = waited(go())
    except wait_for:
        raise
    except LlamabotError as error:
        return Outcome(None, (type(error).__name__, str(error)), error.messages, error.usage)
    gave = (result.value, result.text, result.cost_usd, result.finish_reason)
    return Outcome(gave, None, result.messages, result.usage)


def waited(given: Any) -> Any:
    """Return what was given, or what it comes to where it is awaited."""

    async def wait() -> Any:
        return await given

    return asyncio.run(wait()) if isawaitable(given) else given


def finish(
    make: Callable[[], Any], run_id: str, answer: Answer, waiting: BaseException | None = None, **call: Any
) -> Outcome:
    """Resume a run until it is over, answering whatever it waits for; `call` has settings of each resumption."""
    settled = settlement(waiting, answer) if waiting else {}
    for _ in range(_MOST_TRIES):
        try:
            return outcome_of(partial(_resumed, make, run_id, {**settled, **call}), wait_for=(RunPaused,))
        except RunPaused as error:
            settled = settlement(error, answer)
    raise Broken(f"the run comes to no end: after {_MOST_TRIES} answers it still waits")


def _resumed(make: Callable[[], Any], run_id: str, call: Mapping[str, Any]) -> Any:
    return make().resume(run_id, **call)


def whole(make: Callable[[], Any], ask: Any, answer: Answer) -> Outcome:
    """Run a bot until it is over, answering whatever it waits for."""
    try:
        return outcome_of(lambda: make().run(ask), wait_for=(RunPaused,))
    except RunPaused as error:
        return finish(make, str(error.run_id), answer, error)


def settlement(error: BaseException, answer: Answer) -> dict[str, Any]:
    """Return what a pause asks for: the same answers whenever it asks; of a tool, what it says by `answer`."""
    if isinstance(error, ApprovalNeeded):
        return {"approvals": {call.id: _approval(call) for call in error.calls}}
    if isinstance(error, ToolOutcomeUnknown):
        return {"outcomes": {call.id: answer(call) for call in error.calls}}
    return {}


def _approval(call: ToolCall) -> Any:
    return Denied("not today") if len(call.id) % 2 else True


def way_to_run(bot: Any, streamed: bool, ask: Any) -> Any:
    """Run a bot, whole or streamed; return its result."""
    if not streamed:
        return waited(bot.run(ask))
    stream = bot.stream(ask)
    return asyncio.run(_aread(stream)) if hasattr(stream, "__aenter__") else _read(stream)


def _read(stream: Any) -> Any:
    with stream as events:
        return _result(list(events))


async def _aread(stream: Any) -> Any:
    async with stream as events:
        return _result([event async for event in events])


def _result(events: Iterable[Any]) -> Any:
    """Return the result that a stream ends with, after a look at whether it told the same on the way."""
    *told, last = events
    if not isinstance(last, Finished):
        raise Broken(f"a stream ends with Finished, not with {last!r}")
    said = "".join(event.text for event in told if isinstance(event, TextDelta))
    message = last.result.messages[-1] if last.result.messages else None
    if isinstance(message, AssistantMessage) and said and not said.endswith(message.text):
        raise Broken(f"the fragments of a stream end with {said[-200:]!r}, its result with {message.text[-200:]!r}")
    return last.result
