"""How each effect is performed on its port, in both colours; how a streamed answer is read stands in `reading`."""

from __future__ import annotations

from typing import Any

from llamabot.domain.background import in_background
from llamabot.domain.effects import CallTool, Complete, DescribeModel, ListTools, Recall, Remember, Retrieve, Say
from llamabot.domain.operations import Step, current_cancellation
from llamabot.domain.reading import awithin, bounded, positive
from llamabot.domain.retrieval import Retrieval, check_store, found_in
from llamabot.domain.run_log import current_run_id
from llamabot.domain.settling import current_settled
from llamabot.domain.threads import call_within, in_thread
from llamabot.domain.tool_results import unknown_tool
from llamabot.domain.toolset import Toolset
from llamabot.domain.world import World
from llamabot.ports.assembly import mend_completion
from llamabot.ports.completion import ModelCapabilities
from llamabot.ports.documents import Metadata
from llamabot.ports.effect_context import current_effect
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult

__all__ = ["aperform", "perform"]


def perform(step: Step, world: World) -> Any:
    """Perform an effect on the caller's thread; under a deadline, in one that is left behind when it passes."""
    if step.timeout_s is None:
        return _do(step, world)
    return call_within(positive(step.timeout_s), _do, step, world)


async def aperform(step: Step, world: World) -> Any:
    """Perform an effect without blocking the event loop."""
    if step.timeout_s is None:
        return await _ado(step, world)
    return await awithin(positive(step.timeout_s), _ado(step, world))


def _do(step: Step, world: World) -> Any:
    before = current_effect.set(step.told)
    try:
        return _done(step, world)
    finally:
        current_effect.reset(before)


async def _ado(step: Step, world: World) -> Any:
    before = current_effect.set(step.told)
    try:
        return await _adone(step, world)
    finally:
        current_effect.reset(before)


def _done(step: Step, world: World) -> Any:
    port: Any = world.completion
    memory: Any = world.memory
    match step.effect:
        case Complete(request):
            return mend_completion(port.complete(bounded(request, step)))
        case CallTool():
            return _call_tool(step, world)
        case DescribeModel(model):
            return _capabilities(port, model)
        case Recall():
            return memory.recall()
        case Remember(turn):
            return memory.remember(turn)
        case Retrieve(query, k, where):
            return _retrieve(world.docstore, query, k, where)
        case Say():
            return None
        case ListTools():
            return _listed(world)
        case effect:
            raise TypeError(f"no driver performs {effect!r}")


async def _adone(step: Step, world: World) -> Any:
    port: Any = world.completion
    memory: Any = world.memory
    match step.effect:
        case Complete(request):
            return mend_completion(await port.acomplete(bounded(request, step)))
        case CallTool():
            return await _acall_tool(step, world)
        case DescribeModel(model):
            return await in_thread(_capabilities, port, model)
        case Recall():
            return await (memory.arecall() if hasattr(memory, "arecall") else in_thread(memory.recall))
        case Remember(turn):
            return await (memory.aremember(turn) if hasattr(memory, "aremember") else in_thread(memory.remember, turn))
        case Retrieve(query, k, where):
            return await _aretrieve(world.docstore, query, k, where)
        case Say():
            return None
        case ListTools():
            return await in_thread(_listed, world)
        case effect:
            raise TypeError(f"no driver performs {effect!r}")


def _retrieve(store: Any, query: str, k: int, where: Metadata | None) -> Retrieval:
    check_store(store)
    return found_in(store, store.search(query, k=k, where=where))


async def _aretrieve(store: Any, query: str, k: int, where: Metadata | None) -> Retrieval:
    """Search a store; one that is only sync is searched in a thread."""
    if not hasattr(store, "asearch"):
        return await in_thread(_retrieve, store, query, k, where)
    return found_in(store, await store.asearch(query, k=k, where=where))


def _call_tool(step: Step, world: World) -> ToolResult:
    """Run a tool: a sync one on this thread, an async one on the background loop."""
    call, context, toolset = _tool_parts(step, world)
    if (box := toolset.box(call.name)) is None:
        return unknown_tool(call, ())
    with _Inside(step, context):
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
    with _Inside(step, context):
        if _runs_async(step.effect, box, prefers="async"):
            result: ToolResult = await box.acall(call, context)
            return result
        return await in_thread(box.call, call, context)


class _Inside:
    """Lets runs that a tool begins know the run that they are inside of, what was decided for it, and its end."""

    def __init__(self, step: Step, context: RunContext[Any]) -> None:
        self._step, self._context = step, context

    def __enter__(self) -> None:
        self._run_id = current_run_id.set(self._context.run_id)
        self._settled = current_settled.set(self._step.settled)
        self._cancellation = current_cancellation.set(self._context.cancellation)

    def __exit__(self, *_: object) -> None:
        current_cancellation.reset(self._cancellation)
        current_settled.reset(self._settled)
        current_run_id.reset(self._run_id)


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


def _capabilities(port: Any, model: str) -> ModelCapabilities:
    ask = getattr(port, "capabilities", None)
    return ModelCapabilities() if ask is None else ask(model)
