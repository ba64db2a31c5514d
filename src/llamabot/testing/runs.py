"""Runs for tests of recorders, made by hand. Light, so that other processes may import it too."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from llamabot.ports.completion import Usage
from llamabot.ports.recorder import (
    LOG_SCHEMA_VERSION,
    Blob,
    EffectFinished,
    EffectStarted,
    RunEvent,
    RunFinished,
    RunKind,
    RunStarted,
    RunStatus,
)

__all__ = ["LONG_AGO_NS", "NOW_NS", "a_run", "in_order", "moment"]

NOW_NS = time.time_ns() // 1000 * 1000  # a datetime has no nanoseconds
LONG_AGO_NS = NOW_NS - 60 * 86_400 * 10**9


def a_run(
    run_id: str,
    at_ns: int = NOW_NS,
    *,
    status: RunStatus = RunStatus.COMPLETED,
    parent_id: str | None = None,
    tags: dict[str, str] | None = None,
) -> list[RunEvent]:
    """A whole run with one completion and one blob."""
    return [
        RunStarted(run_id, at_ns, LOG_SCHEMA_VERSION, RunKind.BOT, "Bot", "model", parent_id, tags or {}),
        Blob(run_id, "settings", '{"model":"m"}'),
        EffectStarted(run_id, at_ns + 1, "1", "complete", input={"settings": "settings"}),
        EffectFinished(
            run_id, at_ns + 2, "1", "complete", outcome={"text": "hi"}, usage=Usage(3, 4), cost_usd=0.1, first_ns=1
        ),
        RunFinished(run_id, at_ns + 3, status),
    ]


def in_order(found: Iterable[RunEvent]) -> list[RunEvent]:
    """Return a run's events with the blobs, which come first in any order, in the order of their digests."""
    found = list(found)
    blobs = [event for event in found if isinstance(event, Blob)]
    if found[: len(blobs)] != blobs:
        raise AssertionError(f"blobs come first: {found}")
    return [*sorted(blobs, key=lambda blob: blob.digest), *found[len(blobs) :]]


def moment(at_ns: int) -> datetime:
    """Return a time of the log as a datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1000)
