"""The recorder port: the append-only log of every run, and what it means.

The driver writes one `RunEvent` for everything that a bot does to the world. Traces, tokens, cost, latency, resume and
replay are views of this one log. `llamabot.ports.summary` says what the events of a run add up to; a recorder that
answers `runs` from an index of its own gives the same.

Large or repeated values are stored once, as a `Blob` named by its content; events refer to it by digest. How requests
are written as differences is known to `llamabot.domain.log` alone: to a recorder, `input` and `outcome` are opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from llamabot.ports.completion import Usage

if TYPE_CHECKING:
    from llamabot.ports.summary import RunSummary

__all__ = [
    "LOG_SCHEMA_VERSION",
    "Blob",
    "Claim",
    "EffectFinished",
    "EffectStarted",
    "ErrorRecord",
    "RecorderPort",
    "RunEvent",
    "RunFinished",
    "RunKind",
    "RunPaused",
    "RunResumed",
    "RunStarted",
    "RunStatus",
    "TryRecord",
    "as_json",
    "decode_event",
    "decode_events",
    "encode_event",
    "encode_events",
]

LOG_SCHEMA_VERSION = 1


class RunKind(StrEnum):
    """What a run is of: a bot's call, or a step of the user's own around such calls."""

    BOT = "bot"
    SPAN = "span"


class RunStatus(StrEnum):
    """How a run stands: as its last start, pause, resumption or end says. One of a killed process stays `running`."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LIMITED = "limited"


class ErrorRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as it is stored: enough to tell what happened and to raise it again.

    Attributes:
        type: the class's name, with its module if it is not one of ours.
        attributes: the JSON-able attributes of ours.
    """

    type: str
    message: str
    attributes: Mapping[str, Any] = {}


class TryRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that a port tried on the way to an outcome, as it is stored: a `Try` of `effect_context`."""

    by: str
    model: str = ""
    error: ErrorRecord | None = None
    waited_s: float = 0.0


class _Event(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """What the events share.

    Attributes:
        at_ns: time of day, nanoseconds since 1970-01-01 UTC; within a run it never goes back.
    """

    run_id: str
    at_ns: int


class RunStarted(_Event, frozen=True, tag="run_started", omit_defaults=True):
    """A run began.

    Attributes:
        schema: `LOG_SCHEMA_VERSION` of who wrote it; always written out.
        parent_id: the run it happened in.
        input: what the call was given, as JSON: from it and the bot the run can be gone through again.
    """

    schema: int
    kind: RunKind
    bot: str
    model: str | None = None
    parent_id: str | None = None
    tags: Mapping[str, str] = {}
    input: Any = None


class EffectStarted(_Event, frozen=True, tag="effect_started", omit_defaults=True):
    """An effect is about to be performed.

    Attributes:
        path: its place in the run: `7`, or `7.2` for the second member of a `Together`.
        attempt: 1, and one more each time a resumed run performs it again.
        effect: its kind: `complete`, `recall`, ….
        input: what it was asked, as JSON.
    """

    path: str
    effect: str
    attempt: int = 1
    input: Any = None


class EffectFinished(_Event, frozen=True, tag="effect_finished", omit_defaults=True):
    """An effect gave its outcome or its error; exactly one for each start that was not cut off by a crash.

    Attributes:
        outcome: as JSON; None with an error.
        partial: with an error: what had arrived of an answer, as JSON.
        first_ns: nanoseconds from the start to the first fragment of a stream, or None.
        tried: what the port tried before, in order: failed requests, other models, waiting.
    """

    path: str
    effect: str
    attempt: int = 1
    outcome: Any = None
    error: ErrorRecord | None = None
    partial: Any = None
    usage: Usage | None = None
    cost_usd: float | None = None
    first_ns: int | None = None
    tried: tuple[TryRecord, ...] = ()


class RunPaused(_Event, frozen=True, tag="run_paused", omit_defaults=True):
    """A run waits for someone's decision.

    Attributes:
        error: says for what, as it was raised.
    """

    error: ErrorRecord


class RunResumed(_Event, frozen=True, tag="run_resumed", omit_defaults=True):
    """A run that had paused, ended or broken off goes on.

    Attributes:
        schema: `LOG_SCHEMA_VERSION` of who goes on with it.
        accepts_changes: what was asked before may differ from what the bot asks now.
    """

    schema: int
    accepts_changes: bool = False


class RunFinished(_Event, frozen=True, tag="run_finished", omit_defaults=True):
    """A run ended. It may be resumed all the same, unless it was completed."""

    status: RunStatus
    error: ErrorRecord | None = None


class Blob(msgspec.Struct, frozen=True, tag_field="type", tag="blob"):
    """A value that is stored once, however many runs use it.

    Attributes:
        digest: hexadecimal BLAKE2b-128 of `data`.
        data: JSON text.
    """

    run_id: str
    digest: str
    data: str


RunEvent: TypeAlias = RunStarted | EffectStarted | EffectFinished | RunPaused | RunResumed | RunFinished | Blob


class Claim(Protocol):
    """The right to go on with a run; whoever holds it is the only one."""

    def release(self) -> None:
        """Give it back. A second time does nothing; the death of the process does it too."""


class RecorderPort(Protocol):
    """Keeps the log. Safe to share by threads; a child made by `fork` may go on using it.

    Attributes:
        durable: whether `append` returns tickets, so that a run can wait until what it did cannot be forgotten.

    One whose runs no other process could go on with, since they are in memory or without their contents, says so by an
    attribute `resumable` that is False.
    """

    @property
    def durable(self) -> bool: ...  # noqa: D102 - told above

    def append(self, events: Sequence[RunEvent]) -> Future[None] | None:
        """Take events in, all or none of them, after those taken in before.

        A recorder in normal mode returns None at once: it neither blocks nor raises, whatever is wrong with the world
        behind it. A durable one returns a ticket that resolves once the events are committed, or fails with
        `RecorderError`; the run waits for it.
        """

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return a run's events in the order of their appending, preceded by the blobs they refer to.

        () for a run that is not known. Sees all that this object was given before.

        Law: what was appended comes back, with `input`, `outcome` and `partial` as plain JSON values.
        """

    def runs(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        status: RunStatus | str | None = None,
        since: datetime | None = None,
        parent_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[RunSummary]:
        """Yield summaries, the latest start first, of the runs that fit every filter given.

        Args:
            tags: all of these must be among the run's tags, with these values.
            status: how they stand.
            since: started at that time or later; a time without a zone is local.
            parent_id: only the runs directly inside this one.
            limit: most runs to yield.
        """

    def claim(self, run_id: str) -> Claim:
        """Take a run in hand, known or not yet known, before it is started or resumed.

        Raises:
            RunBusy: it is in somebody's hand: another process's, another thread's, or this one's.
            RecorderError: the file cannot be written to.
        """


def as_json(value: Any) -> str:
    """Return what stands in the log for a value that JSON has no form for: a subclass of text is text."""
    return str.__str__(value) if isinstance(value, str) else f"<{type(value).__qualname__}>"


_ENCODER = msgspec.json.Encoder(enc_hook=as_json)
_DECODER: msgspec.json.Decoder[RunEvent] = msgspec.json.Decoder(RunEvent)
_LIST_DECODER: msgspec.json.Decoder[list[RunEvent]] = msgspec.json.Decoder(list[RunEvent])


encode_event: Callable[[RunEvent], bytes] = _ENCODER.encode
"""Return an event as JSON. What has no JSON form is written as the name of its type."""


def decode_event(data: bytes | str) -> RunEvent:
    """Return the event that `encode_event` wrote."""
    return _DECODER.decode(data)


encode_events: Callable[[Sequence[RunEvent]], bytes] = _ENCODER.encode
"""Return events as one JSON array, each as `encode_event` writes it."""


def decode_events(data: bytes | str) -> list[RunEvent]:
    """Return the events that `encode_events` wrote."""
    return _LIST_DECODER.decode(data)
