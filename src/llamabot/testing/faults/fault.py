"""Faults as values, and which port each may befall. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from llamabot.ports import errors

__all__ = [
    "ERRORS",
    "METHODS",
    "OF_ANY",
    "OF_FRAGMENTS",
    "SIGNS",
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
]


class PortKind(StrEnum):
    """Ports that can be troubled: those behind which there is a world."""

    COMPLETION = "completion"
    TOOLBOX = "toolbox"
    MEMORY = "memory"
    DOCSTORE = "docstore"
    EMBEDDING = "embedding"
    RECORDER = "recorder"
    LOADER = "loader"


METHODS: Mapping[PortKind, tuple[str, ...]] = {
    PortKind.COMPLETION: ("complete", "stream"),
    PortKind.TOOLBOX: ("call",),
    PortKind.MEMORY: ("recall", "remember"),
    PortKind.DOCSTORE: ("add", "remove", "search"),
    PortKind.EMBEDDING: ("embed",),
    PortKind.RECORDER: ("append",),
    PortKind.LOADER: ("load",),
}
"""What a schedule counts of a port, unless it is told otherwise; the twins with `a` before their names count too."""

SIGNS: Mapping[PortKind, tuple[str, ...]] = {
    PortKind.COMPLETION: ("complete",),
    PortKind.TOOLBOX: ("tools", "call"),
    PortKind.MEMORY: ("recall", "remember"),
    PortKind.DOCSTORE: ("add", "search"),
    PortKind.EMBEDDING: ("embed",),
    PortKind.RECORDER: ("append", "claim"),
    PortKind.LOADER: ("load",),
}
"""The methods by which a port is known for what it is, in either colour."""

ERRORS: Mapping[PortKind, type[errors.PortError]] = {
    PortKind.COMPLETION: errors.ProviderUnavailable,
    PortKind.TOOLBOX: errors.ToolboxUnavailable,
    PortKind.MEMORY: errors.MemoryFailed,
    PortKind.DOCSTORE: errors.DocStoreError,
    PortKind.EMBEDDING: errors.EmbeddingError,
    PortKind.RECORDER: errors.RecorderError,
    PortKind.LOADER: errors.DocumentUnreadable,
}


class Fault(msgspec.Struct, frozen=True, repr_omit_defaults=True, tag=True):
    """What befalls one call of a port."""


class Failure(Fault, frozen=True):
    """Nothing is done, and the port raises its error: `MemoryFailed`, `DocStoreError`, `ProviderUnavailable`, …."""


class LostAnswer(Fault, frozen=True):
    """All is done, and then the connection breaks: the tool ran, the turn is stored, the tokens are paid.

    The port raises its error, as if it were a `Failure`; who calls it cannot tell them apart.
    """


class Slow(Fault, frozen=True):
    """The clock goes on by so much before the answer comes.

    A completion that takes longer than the request's `timeout_s`, or waits longer for one fragment, is a
    `CompletionTimeout` when that much has passed. A tool that takes longer than its own `timeout_s` is given up by who
    waits for it. Others are only late.

    Attributes:
        at: which fragment of a stream is waited for, from 0; at the latest, its end.
    """

    seconds: float
    at: int = 0


class RateLimit(Fault, frozen=True):
    """429: `RateLimited`, with or without Retry-After.

    Attributes:
        retry_after_s: seconds to wait, as the provider says; None where it does not say.
    """

    retry_after_s: float | None = None


class ServerError(Fault, frozen=True):
    """5xx: `ProviderUnavailable`."""

    status_code: int = 503


class ConnectionRefused(Fault, frozen=True):
    """Nobody listens: `ProviderUnavailable` without a status."""


class TimedOut(Fault, frozen=True):
    """Nothing comes: `CompletionTimeout` once the request's `timeout_s` has passed on the clock."""


class MalformedBody(Fault, frozen=True):
    """The answer is no completion: `BadCompletion`."""


class CutStream(Fault, frozen=True):
    """The connection breaks after so many fragments, at the latest before the end: `StreamTruncated`."""

    after: int = 0


class NoFinishReason(Fault, frozen=True):
    """All of the answer comes, and not why it ended: `StreamTruncated` after it."""


class DuplicateFragment(Fault, frozen=True):
    """A fragment comes twice; no error tells it. Nothing, where the stream has no such fragment.

    Attributes:
        at: its place, from 0.
    """

    at: int = 0


class ReorderedFragments(Fault, frozen=True):
    """A fragment comes after the one that follows it; no error tells it.

    Attributes:
        at: its place, from 0.
    """

    at: int = 0


OF_FRAGMENTS = (CutStream, NoFinishReason, DuplicateFragment, ReorderedFragments)
OF_ANY = (Failure, LostAnswer, Slow)
