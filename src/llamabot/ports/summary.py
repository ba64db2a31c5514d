"""What the events of a run add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from llamabot.ports.completion import NO_USAGE, Usage
from llamabot.ports.recorder import (
    EffectFinished,
    ErrorRecord,
    RunEvent,
    RunFinished,
    RunKind,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStatus,
)

__all__ = ["RunSummary", "summarize"]


class RunSummary(msgspec.Struct, frozen=True):
    """What the events of one run add up to.

    Attributes:
        finished_ns: None while it runs or is paused.
        usage: sum over the run's own effects; runs inside it have their own.
        cost_usd: sum over the completions, or None if the price of any of them is unknown.
    """

    run_id: str
    kind: RunKind
    bot: str
    model: str | None
    parent_id: str | None
    tags: Mapping[str, str]
    status: RunStatus
    started_ns: int
    finished_ns: int | None
    usage: Usage
    cost_usd: float | None
    error: ErrorRecord | None


def summarize(events: Iterable[RunEvent]) -> RunSummary | None:
    """Return what one run's events add up to, or None if its start is not among them."""
    started: RunStarted | None = None
    latest: RunPaused | RunResumed | RunFinished | None = None
    usage, cost_usd, priced = NO_USAGE, 0.0, True
    completions = 0
    for event in events:
        match event:
            case RunStarted():
                started = event
            case RunPaused() | RunResumed() | RunFinished():
                latest = event
            case EffectFinished(usage=used, cost_usd=cost) if used is not None or cost is not None:
                usage += used or NO_USAGE
                completions += 1
                priced = priced and cost is not None
                cost_usd += cost or 0.0
    if started is None:
        return None
    return RunSummary(
        run_id=started.run_id,
        kind=started.kind,
        bot=started.bot,
        model=started.model,
        parent_id=started.parent_id,
        tags=started.tags,
        status=_status(latest),
        started_ns=started.at_ns,
        finished_ns=latest.at_ns if isinstance(latest, RunFinished) else None,
        usage=usage,
        cost_usd=cost_usd if completions and priced else None,
        error=None if latest is None or isinstance(latest, RunResumed) else latest.error,
    )


def _status(latest: RunPaused | RunResumed | RunFinished | None) -> RunStatus:
    match latest:
        case RunFinished(status=status):
            return status
        case RunPaused():
            return RunStatus.PAUSED
        case _:
            return RunStatus.RUNNING
