"""How each effect is performed on its port, in both colours, and how a stream is read, one colour below the other."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from inspect import isgenerator
from typing import Any

import msgspec

from llamabot.domain.background import in_background
from llamabot.domain.effects import CallTool, Complete, DescribeModel, ListTools, Recall, Remember
from llamabot.domain.operations import DeadlinePassed, Step, current_cancellation
from llamabot.domain.result import ReasoningDelta, TextDelta
from llamabot.domain.run_log import current_run_id
from llamabot.domain.settling import current_settled
from llamabot.domain.threads import call_within, in_thread
from llamabot.domain.tool_results import unknown_tool
from llamabot.domain.toolset import Toolset
from llamabot.domain.world import World
from llamabot.ports.assembly import Assembler, mend_completion
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult

__all__ = ["Reading", "aperform", "aread", "perform", "read"]

_END: Any = object()


def perform(step: Step, world: World) -> Any:
    """Perform an effect on the caller's thread; under a deadline, in one that is left behind when it passes."""
    if step.timeout_s is None:
        return _do(step, world)
    return call_within(_positive(step.timeout_s), _do, step, world)


async def aperform(step: Step, world: World) -> Any:
    """Perform an effect without blocking the event loop."""
    if step.timeout_s is None:
        return await _ado(step, world)
    return await _awithin(_positive(step.timeout_s), _ado(step, world))


def _do(step: Step, world: World) -> Any:
    port: Any = world.completion
    memory: Any = world.memory
    match step.effect:
        case Complete(request):
            return mend_completion(port.complete(_bounded(request, step)))
        case DescribeModel(model):
            return _capabilities(port, model)
        case Recall():
            return memory.recall()
        case Remember(turn):
            return memory.remember(turn)
        case CallTool():
            return _call_tool(step, world)
        case ListTools():
            return _listed(world)
        case effect:
            raise TypeError(f"no driver performs {effect!r}")


async def _ado(step: Step, world: World) -> Any:
    port: Any = world.completion
    memory: Any = world.memory
    match step.effect:
        case Complete(request):
            return mend_completion(await port.acomplete(_bounded(request, step)))
        case DescribeModel(model):
            return await in_thread(_capabilities, port, model)
        case Recall():
            return await (memory.arecall() if hasattr(memory, "arecall") else in_thread(memory.recall))
        case Remember(turn):
            return await (memory.aremember(turn) if hasattr(memory, "aremember") else in_thread(memory.remember, turn))
        case CallTool():
            return await _acall_tool(step, world)
        case ListTools():
            return await in_thread(_listed, world)
        case effect:
            raise TypeError(f"no driver performs {effect!r}")


def _call_tool(step: Step, world: World) -> ToolResult:
    """Run a tool: a sync one on this thread, an async one on the background loop."""
    call, context, toolset = _tool_parts(step, world)
    if (box := toolset.box(call.name)) is None:
        return unknown_tool(call, ())
    with _inside(step, context):
        if _runs_async(step.effect, box, prefers="sync"):
            result: ToolResult = in_background(box.acall(call, context), context.cancellation)
        else:
            result = box.call(call, context)
        return result


async def _acall_tool(step: Step, world: World) -> ToolResult:
    """Run a tool: an async one in this task, a sync one in a thread."""
    call, context, toolset = _tool_parts(step, world)
    if not toolset.is_listed:
        await in_thread(toolset.list)
    if (box := toolset.box(call.name)) is None:
        return unknown_tool(call, ())
    with _inside(step, context):
        if _runs_async(step.effect, box, prefers="async"):
            result: ToolResult = await box.acall(call, context)
            return result
        return await in_thread(box.call, call, context)


@contextmanager
def _inside(step: Step, context: RunContext[Any]) -> Iterator[None]:
    """Let runs that a tool begins know the run that they are inside of, what was decided for it, and its end."""
    run_id, settled = current_run_id.set(context.run_id), current_settled.set(step.settled)
    cancellation = current_cancellation.set(context.cancellation)
    try:
        yield
    finally:
        current_cancellation.reset(cancellation)
        current_settled.reset(settled)
        current_run_id.reset(run_id)


def _tool_parts(step: Step, world: World) -> tuple[ToolCall, RunContext[Any], Toolset]:
    effect, context, toolset = step.effect, step.context, world.toolset
    if not isinstance(effect, CallTool) or context is None or toolset is None:
        raise TypeError(f"a tool is called by bots that have tools, not by {effect!r} alone")
    return effect.call, context, toolset


def _runs_async(effect: Any, box: Any, *, prefers: str) -> bool:
    """Say whether a tool is run by `acall`: by its colour, else by what its toolbox has, else by what is preferred."""
    colour = effect.tool.colour
    if colour == "both":
        colour = prefers if hasattr(box, "call") and hasattr(box, "acall") else _only(box)
    return bool(colour == "async")


def _only(box: Any) -> str:
    return "async" if hasattr(box, "acall") else "sync"


def _listed(world: World) -> tuple[Tool, ...]:
    return () if world.toolset is None else world.toolset.list()


class Reading:
    """A streamed completion as it arrives; belongs to one step."""

    def __init__(self, step: Step, request: CompletionRequest, world: World) -> None:
        self.request = _bounded(request, step)
        self._step = step
        self._clock = world.clock
        self._assembler = Assembler()
        self.ends_at_s = None if step.timeout_s is None else time.monotonic() + step.timeout_s

    def remaining_s(self) -> float:
        """Seconds until the deadline.

        Raises:
            DeadlinePassed: none are left; time also passes while the reader is busy.
        """
        return math.inf if self.ends_at_s is None else _positive(self.ends_at_s - time.monotonic())

    def feed(self, chunk: CompletionChunk) -> tuple[TextDelta | ReasoningDelta, ...]:
        """Take a chunk in and return what it lets the reader see."""
        if self._step.first_at_ns is None:
            self._step.first_at_ns = self._clock.monotonic_ns()
        text, reasoning = self._assembler.feed(chunk)
        if text and not reasoning:
            return (TextDelta(text),)  # mostly; the rest takes longer
        return _deltas(text, reasoning)

    def rest(self) -> tuple[TextDelta | ReasoningDelta, ...]:
        """Return what was held back until the end."""
        return _deltas(*self._assembler.rest())

    def broke(self) -> None:
        """Keep what has arrived of an answer that failed or was left, if anything has."""
        if self._step.first_at_ns is not None:
            self._step.partial = self._assembler.message()

    def completion(self) -> Completion:
        """Return the whole answer, or raise `StreamTruncated`."""
        return self._assembler.completion()


def read(reading: Reading, world: World) -> Generator[TextDelta | ReasoningDelta, None, Completion]:
    """Yield a streamed answer and return it; closing this closes the provider's stream."""
    port: Any = world.completion
    stream = port.stream(reading.request)
    late: Future[Any] | None = None
    try:
        for chunk in _in_time(stream, reading):
            for event in reading.feed(chunk):  # noqa: UP028 - mostly one: `yield from` takes longer
                yield event
        yield from reading.rest()
        return reading.completion()
    except BaseException as error:
        reading.broke()
        late = error.late if isinstance(error, DeadlinePassed) else None
        raise
    finally:
        _close(stream, late)


async def aread(reading: Reading, world: World) -> AsyncGenerator[TextDelta | ReasoningDelta, None]:
    """Yield a streamed answer; what it is in the end, `reading` knows."""
    port: Any = world.completion
    stream = port.astream(reading.request)
    try:
        async for chunk in _ain_time(stream, reading):
            for event in reading.feed(chunk):
                yield event
        for event in reading.rest():
            yield event
    except BaseException:
        reading.broke()
        raise
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _in_time(stream: Iterator[CompletionChunk], reading: Reading) -> Iterator[CompletionChunk]:
    """Return the stream; under a deadline, one that raises `DeadlinePassed` when it passes."""
    return stream if reading.ends_at_s is None else _until_deadline(stream, reading)


def _until_deadline(stream: Iterator[CompletionChunk], reading: Reading) -> Iterator[CompletionChunk]:
    while (chunk := call_within(reading.remaining_s(), next, stream, _END)) is not _END:
        yield chunk


def _ain_time(stream: AsyncIterator[CompletionChunk], reading: Reading) -> AsyncIterator[CompletionChunk]:
    """As `_in_time`."""
    return stream if reading.ends_at_s is None else _auntil_deadline(stream, reading)


async def _auntil_deadline(stream: AsyncIterator[CompletionChunk], reading: Reading) -> AsyncIterator[CompletionChunk]:
    while (chunk := await _awithin(reading.remaining_s(), anext(stream, _END))) is not _END:
        yield chunk


async def _awithin(timeout_s: float, coming: Any) -> Any:
    try:
        async with asyncio.timeout(timeout_s) as deadline:
            return await coming
    except TimeoutError:
        if deadline.expired():
            raise DeadlinePassed from None
        raise


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise DeadlinePassed
    return seconds


def _close(stream: Any, late: Future[Any] | None) -> None:
    """Close a stream; a generator that a thread is still inside of is closed by that thread, once it comes back."""
    close = getattr(stream, "close", None)
    if close is None:
        return
    if late is not None and isgenerator(stream):
        late.add_done_callback(lambda _: close())
    else:
        close()


def _bounded(request: CompletionRequest, step: Step) -> CompletionRequest:
    if step.timeout_s is None or step.timeout_s >= request.timeout_s:
        return request
    return msgspec.structs.replace(request, timeout_s=max(step.timeout_s, 0.001))


def _capabilities(port: Any, model: str) -> ModelCapabilities:
    ask = getattr(port, "capabilities", None)
    return ModelCapabilities() if ask is None else ask(model)


def _deltas(text: str, reasoning: str) -> tuple[TextDelta | ReasoningDelta, ...]:
    if not reasoning:
        return (TextDelta(text),) if text else ()
    return (ReasoningDelta(reasoning), TextDelta(text)) if text else (ReasoningDelta(reasoning),)
