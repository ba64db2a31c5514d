"""Faults on a schedule: what networks and providers do to a port, as values, and in no real time.

    model = faulty(ScriptedCompletion(["Hi!"]), [RateLimit(retry_after_s=20), CutStream(after=1)], clock=clock)

The first call of `model` is refused with 429, the second breaks after a fragment, the third is answered. `faulty`
decorates any port, in the colours that it has. Time passes on a `VirtualClock`: give it to the bot too, and its
deadlines hold on it.
"""

from __future__ import annotations

from llamabot.testing.faults.fault import (
    ConnectionRefused,
    CutStream,
    DuplicateFragment,
    Failure,
    Fault,
    LostAnswer,
    MalformedBody,
    NoFinishReason,
    PortKind,
    RateLimit,
    ReorderedFragments,
    ServerError,
    Slow,
    TimedOut,
)
from llamabot.testing.faults.port import faulty, left_over, struck

__all__ = [
    "ConnectionRefused",
    "CutStream",
    "DuplicateFragment",
    "Failure",
    "Fault",
    "LostAnswer",
    "MalformedBody",
    "NoFinishReason",
    "PortKind",
    "RateLimit",
    "ReorderedFragments",
    "ServerError",
    "Slow",
    "TimedOut",
    "faulty",
    "left_over",
    "struck",
]
