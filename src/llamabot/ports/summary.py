"""What the events of a run add up to, and which runs are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from llamabot.ports.completion import NO_USAGE, Usage
from llamabot.ports.errors import UsageError
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
from llamabot.ports.tools import ToolCall

__all__ = ["RunFilter", "RunSummary", "summarize"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

    @property
    def waits_for(self) -> tuple[ToolCall, ...]:
        """The calls that a paused run waits for someone's decision about: to list them, no bot is needed."""
        if self.status is not RunStatus.PAUSED or self.error is None:
            return ()
        return msgspec.convert(self.error.attributes.get("calls", ()), tuple[ToolCall, ...])


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs are wanted; the fields are those of `RecorderPort.runs`."""

    tags: Mapping[str, str] | None = None
    status: RunStatus | str | None = None
    since: datetime | None = None
    parent_id: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.tags is not None and not _are_tags(self.tags):
            raise UsageError(f'tags={self.tags!r}: they are names and values, such as tags={{"user": "7"}}')
        if self.status is not None and self.status not in list(RunStatus):
            raise UsageError(f"status={self.status!r}: it is one of {', '.join(RunStatus)}")
        if self.since is not None and not isinstance(self.since, datetime):
            raise UsageError(f"since={self.since!r}: it is a datetime, such as datetime.now() - timedelta(days=1)")
        if self.limit is not None and not isinstance(self.limit, int):
            raise UsageError(f"limit={self.limit!r}: it is a number of runs")

    @property
    def since_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC, exactly; a time without a zone is local. 0 for every time."""
        return 0 if self.since is None else (self.since.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1000

    def fits(self, run: RunSummary) -> bool:
        """Say whether a run is wanted."""
        return (
            all(run.tags.get(key) == value for key, value in (self.tags or {}).items())
            and self.status in (None, run.status)
            and self.parent_id in (None, run.parent_id)
            and run.started_ns >= self.since_ns
        )


def _are_tags(tags: Any) -> bool:
    return isinstance(tags, Mapping) and all(isinstance(text, str) for pair in tags.items() for text in pair)


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
