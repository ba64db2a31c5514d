"""The turns port: when each request may start, so that no minute has more of them than it may.

The rule is here, pure, so that every adapter deals out the same turns; an adapter keeps them where those who share a
limit find them.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from llamabot.ports.errors import ConfigurationError

__all__ = ["CLOCK_SET_BACK_NS", "MINUTE_NS", "Rate", "Turn", "TurnsPort", "earliest_ns", "room_for"]

MINUTE_NS = 60_000_000_000
CLOCK_SET_BACK_NS = 1_000_000_000
"""A turn that was taken so much later than it is now was taken before the clock was set back; it no longer counts."""


class Rate(msgspec.Struct, frozen=True):
    """How much a minute may have; None is no limit.

    Attributes:
        requests: that start in any 60 seconds.
        tokens: of these requests.
    """

    requests: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        for name, most in (("rpm", self.requests), ("tpm", self.tokens)):
            if most is not None and (type(most) is not int or most < 1):
                raise ConfigurationError(f"{name}={most!r}: it is a whole number a minute, from 1 on")
        if self.requests is None and self.tokens is None:
            raise ConfigurationError("a rate limit needs rpm=, requests a minute, or tpm=, tokens a minute")


class Turn(msgspec.Struct, frozen=True):
    """What was asked for a turn.

    Attributes:
        start_ns: the time of day at which it starts, or would have.
        number: names the turn in its queue; None if it would have been too late, and was not taken.
    """

    start_ns: int
    number: int | None


class TurnsPort(Protocol):
    """Deals out turns, in the order in which they are asked for. Safe to share by threads.

    Attributes:
        blocks: whether its methods may wait for a disk or for another process.
    """

    @property
    def blocks(self) -> bool: ...  # noqa: D102 - told above

    def take(self, queue: str, rate: Rate, tokens: int, *, now_ns: int, latest_ns: int) -> Turn:
        """Take the next turn; none if it would start after `latest_ns`.

        Law: of the turns of a queue that are kept, the starts never go back, and those in any 60 seconds fit the rate.
        One that alone is more than a minute may have gets a minute of its own.

        Args:
            queue: those who share a limit use the same name.
            rate: the limit.
            tokens: what the request will take, as far as is known.
            now_ns: the time of day.
            latest_ns: after it nobody waits.

        Raises:
            SharedStateError: the turns cannot be read or written.
        """

    def correct(self, queue: str, number: int, tokens: int) -> None:
        """Say what a turn has taken in the end. A turn that is no longer known is none of anyone's concern."""

    def give_back(self, queue: str, number: int) -> None:
        """Give a turn back that was not used. Those after it keep theirs."""


def earliest_ns(now_ns: int, *, last_ns: int | None, full_ns: int | None, spent_ns: int | None) -> int:
    """Return when the next turn may start, given when three of those before start; None where there is no such turn.

    Args:
        now_ns: the time of day.
        last_ns: the start of the turn before; nobody overtakes.
        full_ns: of the one with which, and all after it, a minute has its requests.
        spent_ns: of the latest one with whose tokens, and those of all after it, there are too many for a minute.
    """
    return max(
        now_ns, last_ns or 0, *(start_ns + MINUTE_NS for start_ns in (full_ns, spent_ns) if start_ns is not None)
    )


def room_for(rate: Rate, tokens: int) -> int:
    """Return how many tokens others may have in the minute of a request that takes so many."""
    return max((rate.tokens or 0) - tokens, 0)
