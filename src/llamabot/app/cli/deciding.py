"""What a person says to a run that waits: on the terminal, or with options."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

import msgspec

from llamabot.app.cli.terminal import is_terminal, read_line, say
from llamabot.domain.approvals import ApprovalLike, Approved, Denied
from llamabot.ports.errors import UsageError
from llamabot.ports.tools import ToolCall

__all__ = ["approvals_of", "ask_approvals", "outcomes_of"]


def ask_approvals(calls: Sequence[ToolCall]) -> dict[str, ApprovalLike] | None:
    """Return what the person at the terminal says to each call; None if nobody is there, or Ctrl-D was pressed."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        return None
    try:
        return {call.id: _asked(call) for call in calls}
    except EOFError:
        say("", prefix="")
        return None


def approvals_of(approved: Sequence[str], denied: Sequence[str]) -> dict[str, ApprovalLike]:
    """Return the answers that options give: `CALL_ID`, and `CALL_ID=reason`."""
    answers: dict[str, ApprovalLike] = {call_id: Approved(by=_user()) for call_id in approved}
    for text in denied:
        call_id, _, reason = text.partition("=")
        if call_id in answers:
            raise UsageError(f"the call {call_id!r} is both approved and denied")
        answers[call_id] = Denied(reason, by=_user())
    return answers


def outcomes_of(texts: Sequence[str]) -> dict[str, str]:
    """Return the outcomes that options give: `CALL_ID=text`."""
    outcomes = {}
    for text in texts:
        call_id, equals, outcome = text.partition("=")
        if not (call_id and equals):
            raise UsageError(f"--outcome {text!r} is not of the form CALL_ID=text")
        outcomes[call_id] = outcome
    return outcomes


def _asked(call: ToolCall) -> Approved | Denied:
    """Show a call whole and take the answer; anything but a yes is a no."""
    say(f"{call.name} needs your yes. It would be called with:\n{_indented(call.arguments)}", prefix="", one_line=False)
    if read_line("Run it? [y/N] ").strip().lower() in ("y", "yes"):
        return Approved(by=_user())
    return Denied(read_line("The reason, for the model: ").strip(), by=_user())


def _indented(arguments: str) -> str:
    try:
        text = msgspec.json.format(arguments, indent=2)
    except msgspec.DecodeError:
        text = arguments
    return "\n".join(f"  {line}" for line in text.splitlines())


def _user() -> str | None:
    """Return who decides, for the log. It is told to no model."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None
