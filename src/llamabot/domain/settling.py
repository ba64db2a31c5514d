"""What someone has decided about a run that waits: approvals, and outcomes of tools that were cut off."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import msgspec

from llamabot.domain.approvals import Approval, ApprovalLike, to_approval
from llamabot.domain.awaited import awaited
from llamabot.domain.history import History
from llamabot.ports.errors import UsageError
from llamabot.ports.tools import ToolResult

__all__ = ["NOTHING_SETTLED", "Settled", "current_settled"]


class Settled(msgspec.Struct, frozen=True):
    """Decisions by the id of the call.

    Attributes:
        asked_by: the run whose calls they are about: another's may have the same ids.
    """

    approvals: Mapping[str, Approval] = {}
    outcomes: Mapping[str, ToolResult] = {}
    asked_by: str | None = None

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

    def about(self, history: History) -> Settled:
        """Return the decisions as those about the calls that a run waits for.

        What was said before, in the same words, may be said again.

        Raises:
            UsageError: they are about other calls.
        """
        awaits = awaited(history.summary, history.effects)
        unknown = {call_id for call_id, answer in self.approvals.items() if not awaits.takes(call_id, answer)}
        unknown |= {call_id for call_id, outcome in self.outcomes.items() if not awaits.takes(call_id, outcome)}
        if unknown:
            named = ", ".join(sorted(map(repr, unknown)))
            raise UsageError(f"run {history.summary.run_id} does not wait for what is said of {named}; {awaits}")
        return msgspec.structs.replace(self, asked_by=awaits.run_id)


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
