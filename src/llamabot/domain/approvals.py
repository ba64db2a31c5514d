"""Approvals: what someone says to a call of a tool that must not run by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from llamabot.ports.errors import UsageError
from llamabot.ports.tools import ToolCall, ToolResult

__all__ = ["Approval", "ApprovalLike", "Approved", "Denied", "approved_call", "denial", "noted", "to_approval"]


class Approved(msgspec.Struct, frozen=True, tag_field="answer", tag="approved", omit_defaults=True):
    """The call may run.

    Attributes:
        by: who says so; for the log, no model is told.
        arguments: instead of those that the model chose.
    """

    by: str | None = None
    arguments: Mapping[str, Any] | None = None


class Denied(msgspec.Struct, frozen=True, tag_field="answer", tag="denied", omit_defaults=True):
    """The call may not run; the model is told why.

    Attributes:
        reason: in words.
        by: who says so; for the log, no model is told.
    """

    reason: str = ""
    by: str | None = None


Approval: TypeAlias = Approved | Denied
ApprovalLike: TypeAlias = Literal[True] | Approval


def to_approval(answer: Any) -> Approval:
    """Return an answer as a value.

    Raises:
        UsageError: it is none.
    """
    if answer is True:
        return Approved()
    if isinstance(answer, Approved | Denied):
        return _checked(answer)
    raise UsageError(f"an approval is True, lmb.Approved(…) or lmb.Denied(reason), not {answer!r}")


def _checked(answer: Approval) -> Approval:
    """Return the answer as the log gives it back."""
    arguments = answer.arguments if isinstance(answer, Approved) else None
    if arguments is not None and not isinstance(arguments, Mapping):
        raise UsageError(f"arguments= of an approval maps names to values; it is no {arguments!r:.80}")
    try:
        kept: Approval = msgspec.json.decode(msgspec.json.encode(answer), type=Approval)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"an approval holds text and what JSON can hold: {error}") from error
    return kept


def approved_call(call: ToolCall, approval: Approved) -> ToolCall:
    """Return the call with the arguments that were approved."""
    if approval.arguments is None:
        return call
    # In a fixed order: a log may give the keys back in another one.
    arguments = msgspec.json.encode(approval.arguments, order="deterministic").decode()
    return msgspec.structs.replace(call, arguments=arguments)


def denial(call: ToolCall, denied: Denied) -> ToolResult:
    """Return what the model is told instead of a result; who it was, the log knows."""
    why = f": {denied.reason}" if denied.reason else ""
    return ToolResult(call.id, f"The call was denied{why}. It has not run.", is_error=True)


def noted(result: ToolResult, call: ToolCall, approval: Approved) -> ToolResult:
    """Return the result, telling the model of arguments that are not those it chose."""
    if approval.arguments is None:
        return result
    note = f"The arguments were changed to {call.arguments}."
    return msgspec.structs.replace(result, text=f"{note}\n{result.text}")
