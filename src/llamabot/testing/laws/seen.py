"""All that can be seen of one run: what it gave, what it asked, what it logged, what it remembered, what it ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Message
from llamabot.ports.recorder import Blob, EffectFinished, EffectStarted, RunEvent, RunStarted
from llamabot.testing.laws.going import Outcome

__all__ = ["Seen", "timeless", "unhurried"]


class Seen(msgspec.Struct, frozen=True):
    """One run from outside.

    Attributes:
        outcome: what it gave or raised.
        requests: what the model was asked, without how long one would wait for the answer.
        log: the events, without their times and the bot's name, in the order of their paths.
        remembered: the conversation afterwards.
        ran: the calls that tools were run with, and the key of each.
    """

    outcome: Outcome
    requests: tuple[CompletionRequest, ...]
    log: list[RunEvent]
    remembered: tuple[Message, ...]
    ran: list[tuple[str, str]]


def timeless(events: Sequence[RunEvent]) -> list[RunEvent]:
    """Return events without times and the bot's name, effects in the order of their paths between start and end."""
    return sorted(map(_without_times, events), key=_place)


def unhurried(requests: Sequence[CompletionRequest]) -> tuple[CompletionRequest, ...]:
    """Return requests without their patience, which under a deadline is what the run has left of it."""
    return tuple(msgspec.structs.replace(request, timeout_s=0.0) for request in requests)


def _without_times(event: Any) -> RunEvent:
    changes: dict[str, Any] = {}
    if hasattr(event, "at_ns"):
        changes["at_ns"] = 0
    if isinstance(event, EffectFinished):
        changes["first_ns"] = None
    if isinstance(event, RunStarted):
        changes["bot"] = ""  # by default its class, which tells the colour
    stripped: RunEvent = msgspec.structs.replace(event, **changes)
    return stripped


def _place(event: RunEvent) -> tuple[int, tuple[int, ...], int]:
    """Order: blobs, the run's start, effects by path (start, then end), the run's end."""
    if isinstance(event, EffectStarted | EffectFinished):
        return 2, tuple(map(int, event.path.split("."))), isinstance(event, EffectFinished)
    return {Blob: 0, RunStarted: 1}.get(type(event), 3), (), 0
