"""The roots of our errors. The tree of them all is drawn in `errors`, from where they are imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llamabot.ports.completion import Usage
    from llamabot.ports.messages import Message

__all__ = ["LlamabotError", "PortError"]


class LlamabotError(Exception):
    """The root. Raised out of a bot it carries what the run had reached.

    Attributes:
        run_id: the run it ended, or None outside of one.
        messages: the transcript up to the error, oldest first.
        usage: tokens spent up to the error, or None outside of a run.
    """

    run_id: str | None = None
    messages: tuple[Message, ...] = ()
    usage: Usage | None = None


class PortError(LlamabotError):
    """Something outside of the program failed.

    Attributes:
        retryable: whether the same request may succeed later, unchanged.
    """

    retryable: bool = False
