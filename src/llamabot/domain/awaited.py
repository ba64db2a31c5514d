"""What a run waits for, read from its log: which answers someone may give to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from llamabot.domain.approvals import Approval
from llamabot.domain.trace import EffectTrace
from llamabot.ports.recorder import RunStatus
from llamabot.ports.summary import RunSummary
from llamabot.ports.tools import ToolResult

__all__ = ["Awaited", "awaited"]


class Awaited(msgspec.Struct, frozen=True):
    """The answers that a run takes.

    Attributes:
        run_id: the run whose calls they are about: the run itself, or one inside of it.
        status: of the run itself.
        approvals: ids of the calls that wait for approval.
        outcomes: ids of the calls that had begun and whose end is not in the log.
        approved: what was said before, by the id of the call.
        told: how calls ended, by their ids.
    """

    run_id: str
    status: RunStatus
    approvals: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    approved: Mapping[str, Approval] = {}
    told: Mapping[str, ToolResult] = {}

    def takes(self, call_id: str, answer: Approval | ToolResult) -> bool:
        """Say whether the run waits for this answer, or was given the same before."""
        if isinstance(answer, ToolResult):
            return call_id in self.outcomes or self.told.get(call_id) == answer
        return call_id in self.approvals or self.approved.get(call_id) == answer

    def __str__(self) -> str:
        waits = {"approvals": self.approvals, "outcomes": self.outcomes}
        named = [f"{word}= of {', '.join(map(repr, sorted(calls)))}" for word, calls in waits.items() if calls]
        return f"it waits for {' and '.join(named)}" if named else f"it is {self.status} and waits for nobody's answer"


def awaited(summary: RunSummary, effects: Iterable[EffectTrace]) -> Awaited:
    """Return what a run waits for.

    Args:
        summary: of the run.
        effects: the latest attempt of each.
    """
    of_calls = [(effect.call.id, effect) for effect in effects if effect.call is not None]
    approved = {
        call_id: msgspec.convert(effect.outcome, Approval)
        for call_id, effect in of_calls
        if effect.effect == "ask_approval" and effect.outcome is not None
    }
    told = {call_id: effect.result for call_id, effect in of_calls if effect.result is not None}
    if summary.status is RunStatus.PAUSED and summary.error is not None:
        told_of: Mapping[str, Any] = summary.error.attributes
        calls = frozenset(call["id"] for call in told_of.get("calls", ()))
        waits = {"approvals" if summary.error.type == "ApprovalNeeded" else "outcomes": calls}
        return Awaited(told_of.get("asked_by", summary.run_id), summary.status, **waits, approved=approved, told=told)
    begun = {call_id for call_id, effect in of_calls if effect.effect == "call_tool" and effect.result is None}
    return Awaited(summary.run_id, summary.status, outcomes=frozenset(begun), approved=approved, told=told)
