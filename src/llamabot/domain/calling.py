"""Running the calls of a decision: at once where they may, alone where they must, after a yes where one is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llamabot.domain.approvals import Approved, approved_call, denial, noted
from llamabot.domain.effects import AskApproval, CallTool, Core, Together
from llamabot.domain.tool_results import not_run, unknown_tool
from llamabot.ports.tools import Tool, ToolCall, ToolResult

__all__ = ["run_calls"]


def run_calls(calls: Sequence[ToolCall], tools: Mapping[str, Tool], max_characters: int) -> Core[list[ToolResult]]:
    """Return the results in the order of the calls.

    Calls that need approval wait until the others have run. Once one has ended the run, those after it do not run.

    Args:
        calls: of one decision.
        tools: those there are, by name.
        max_characters: longest text of a result.
    """
    results = {call.id: unknown_tool(call, tools) for call in calls if call.name not in tools}
    known = [call for call in calls if call.name in tools]
    held = [call for call in known if tools[call.name].needs_approval]
    ended_by = yield from _run([call for call in known if call not in held], tools, max_characters, results)
    if ended_by is not None:
        results.update((call.id, not_run(call, ended_by)) for call in held)
    elif held:
        yield from _run_approved(held, tools, max_characters, results)
    return [results[call.id] for call in calls]


def _run_approved(
    held: list[ToolCall], tools: Mapping[str, Tool], max_characters: int, results: dict[str, ToolResult]
) -> Core[None]:
    answers = dict(zip((call.id for call in held), (yield from AskApproval(tuple(held))), strict=True))
    approved = []
    for call in held:
        answer = answers[call.id]
        if isinstance(answer, Approved):
            approved.append(approved_call(call, answer))
        else:
            results[call.id] = denial(call, answer)
    yield from _run(approved, tools, max_characters, results)
    for call in approved:
        answer = answers[call.id]
        if isinstance(answer, Approved):
            results[call.id] = noted(results[call.id], call, answer)


def _run(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool], max_characters: int, results: dict[str, ToolResult]
) -> Core[ToolCall | None]:
    """Fill in the results; return the call that ended the run, if one did."""
    ended_by: ToolCall | None = None
    for batch in _batches(calls, tools):
        if ended_by is not None:
            results.update((call.id, not_run(call, ended_by)) for call in batch)
            continue
        effects = [CallTool(call, tools[call.name], max_characters) for call in batch]
        found = (yield from Together(effects)) if len(effects) > 1 else [(yield from effects[0])]
        for call, result in zip(batch, found, strict=True):
            results[call.id] = result
            ended_by = call if result.ends_run and ended_by is None else ended_by
    return ended_by


def _batches(calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> list[list[ToolCall]]:
    """Return the calls in groups that may run at once: a sequential tool, and one that ends the run, is alone."""
    batches: list[list[ToolCall]] = []
    open_batch = False
    for call in calls:
        tool = tools[call.name]
        alone = tool.sequential or tool.terminal
        if alone or not open_batch:
            batches.append([])
        batches[-1].append(call)
        open_batch = not alone
    return batches
