"""What someone has decided about a run that waits: approvals, and outcomes of tools that were cut off."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import msgspec

from llamabot.domain.approvals import Approval, ApprovalLike, to_approval
from llamabot.ports.errors import UsageError
from llamabot.ports.recorder import RunStatus
from llamabot.ports.summary import RunSummary
from llamabot.ports.tools import ToolResult

__all__ = ["NOTHING_SETTLED", "Settled", "current_settled"]


class Settled(msgspec.Struct, frozen=True):
    """Decisions by the id of the call."""

    approvals: Mapping[str, Approval] = {}
    outcomes: Mapping[str, ToolResult] = {}

    @classmethod
    def of(cls, approvals: Mapping[str, ApprovalLike], outcomes: Mapping[str, Any]) -> Settled:
        """Return what `resume` was given.

        Raises:
            UsageError: something is no approval, or has no JSON form.
        """
        return cls(
            {call_id: to_approval(answer) for call_id, answer in _checked(approvals, "approvals").items()},
            {call_id: _result(call_id, outcome) for call_id, outcome in _checked(outcomes, "outcomes").items()},
        )

    def check_awaited(self, summary: RunSummary) -> None:
        """Refuse decisions about calls that a paused run does not wait for."""
        if summary.status is not RunStatus.PAUSED or summary.error is None:
            return
        waiting = {call["id"] for call in summary.error.attributes.get("calls", ())}
        word = "approvals" if summary.error.type == "ApprovalNeeded" else "outcomes"
        wanted, other = (self.approvals, self.outcomes) if word == "approvals" else (self.outcomes, self.approvals)
        unknown = sorted({*other} | ({*wanted} - waiting))
        if unknown:
            raise UsageError(
                f"run {summary.run_id} does not wait for what is said of {', '.join(map(repr, unknown))}; "
                f"it waits for {word}= of {', '.join(map(repr, sorted(waiting)))}"
            )


def _checked(answers: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(answers, Mapping):
        raise UsageError(f"{name}= maps ids of calls to answers, as {name}={{call.id: …}}; it is no {answers!r:.80}")
    return answers


def _result(call_id: str, outcome: Any) -> ToolResult:
    try:
        encoded = msgspec.json.encode(outcome).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the outcome of {call_id!r} is a text or what JSON can hold: {error}") from error
    if isinstance(outcome, ToolResult):
        return msgspec.structs.replace(outcome, call_id=call_id)
    return ToolResult(call_id, outcome if isinstance(outcome, str) else encoded)


NOTHING_SETTLED = Settled()
current_settled: ContextVar[Settled | None] = ContextVar("llamabot_settled", default=None)
"""What was decided for the run that new runs are inside of, where that one goes on; None where it is new."""
