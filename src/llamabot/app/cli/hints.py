"""Telling how a run that has stopped goes on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from llamabot.ports.errors import (
    ApprovalNeeded,
    LimitReached,
    LlamabotError,
    ReplayDiverged,
    ToolOutcomeUnknown,
    UsageError,
)

__all__ = ["goes_on_with"]


@contextmanager
def goes_on_with(words: Sequence[str], run_id: Callable[[], str | None]) -> Iterator[None]:
    """Add to what stops a block the command that goes on with its run.

    Args:
        words: options that mean the same bot.
        run_id: of the run, None while there is none that its log can go on with.
    """
    try:
        yield
    except (LlamabotError, KeyboardInterrupt) as error:
        run = run_id()
        misused = isinstance(error, UsageError) and not isinstance(error, ReplayDiverged)
        if run is not None and not misused:
            command = shlex.join(["llamabot", "resume", run, *words])
            error.add_note("\n  ".join([f"run {run} can go on:", *(f"{command}{more}" for more in _more(error))]))
        raise


def _more(error: BaseException) -> list[str]:
    """Return the options that each way to go on needs."""
    match error:
        case ApprovalNeeded(calls=calls):
            ids = [shlex.quote(call.id) for call in calls]
            return ["".join(f" --approve {id_}" for id_ in ids), "".join(f" --deny {id_}=reason" for id_ in ids)]
        case ToolOutcomeUnknown(calls=calls):
            return ["".join(f" --outcome {shlex.quote(call.id)}=text" for call in calls)]
        case LimitReached(limit=limit) if limit:
            return [f" --{limit.replace('_', '-')} NUMBER"]
        case ReplayDiverged():
            return [" --accept-changes"]
        case _:
            return [""]
