"""Recording how bots ran, and nothing of what was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import msgspec

from llamabot.ports.recorder import (
    Blob,
    Claim,
    EffectFinished,
    EffectStarted,
    ErrorRecord,
    RecorderPort,
    RunEvent,
    RunFinished,
    RunPaused,
    RunStarted,
    RunStatus,
)
from llamabot.ports.summary import RunSummary

__all__ = ["MetadataRecorder"]


class MetadataRecorder:
    """Passes events on without their contents.

    What bots were asked and what they answered, blobs, and the messages of errors stay out. Names of bots and models,
    tags, usage, cost, timings, statuses and the types of errors go through. Such a log cannot be resumed or replayed.

    Whatever else the recorder inside has (`flush`, `close`, `prune`, `delete`, `health`, …) is passed through.

    Args:
        inner: keeps the log.
    """

    resumable = False

    def __init__(self, inner: RecorderPort) -> None:
        self._inner = inner

    @property
    def durable(self) -> bool:
        """Whether `inner` is."""
        return self._inner.durable

    def append(self, events: Sequence[RunEvent]) -> Future[None] | None:
        """Take events in as `inner` does; None if nothing is left of them."""
        kept = [_without_content(event) for event in events if not isinstance(event, Blob)]
        return self._inner.append(kept) if kept else None

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return what was kept of a run's events."""
        return self._inner.events(run_id)

    def runs(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        status: RunStatus | str | None = None,
        since: datetime | None = None,
        parent_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[RunSummary]:
        """Yield summaries as `inner` does."""
        return self._inner.runs(tags=tags, status=status, since=since, parent_id=parent_id, limit=limit)

    def claim(self, run_id: str) -> Claim:
        """Take a run in hand as `inner` does."""
        return self._inner.claim(run_id)

    def __getattr__(self, name: str) -> Any:
        # A copy that is being unpickled has no `_inner` yet, and must not look for it here.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __repr__(self) -> str:
        return f"MetadataRecorder({self._inner!r})"


def _without_content(event: RunEvent) -> RunEvent:
    match event:
        case RunStarted(input=content) | EffectStarted(input=content) if content is not None:
            return msgspec.structs.replace(event, input=None)
        case EffectFinished():
            tried = tuple(msgspec.structs.replace(one, error=_type_of(one.error)) for one in event.tried)
            error = _type_of(event.error)
            return msgspec.structs.replace(event, outcome=None, partial=None, error=error, tried=tried)
        case RunPaused(error=error) | RunFinished(error=error) if error is not None:
            return msgspec.structs.replace(event, error=_type_of(error))
        case _:
            return event


def _type_of(error: ErrorRecord | None) -> ErrorRecord | None:
    return None if error is None else ErrorRecord(error.type, "")
