"""When a request that failed is made again, and after how long: the rule alone. Who waits, and on which clock, is told.

There is no I/O and no colour here, so that decorators of ports and the domain go by the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from llamabot.ports.errors import ConfigurationError, PortError

__all__ = ["RetryPolicy"]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Back-off that doubles, with jitter, and honours Retry-After.

    Attributes:
        attempts: most requests, the first one included; 1 never tries again.
        first_wait_s: longest wait after the first failure; it doubles with each one more.
        longest_wait_s: where doubling stops. What a provider asks for may be longer.
        within_s: after so many seconds from the first request on no other is made.

    Source: half of the wait is fixed and half random, "equal jitter" of AWS's Exponential Backoff and Jitter; with all
    of it random, three attempts could be over before a provider has drawn breath.
    """

    attempts: int = 3
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    within_s: float = 600.0

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise ConfigurationError(
                f"attempts={self.attempts!r}: it is a whole number from 1 on, the first one included"
            )
        for name in ("first_wait_s", "longest_wait_s", "within_s"):
            if not _is_length(getattr(self, name)):
                raise ConfigurationError(f"{name}={getattr(self, name)!r}: it is a number of seconds")

    def next_wait_s(
        self, error: BaseException, attempt: int, random: Callable[[], float], left_s: float = math.inf
    ) -> float | None:
        """Return how many seconds to wait before the next attempt, or None if there is none.

        None for an error that would come again, after the last attempt, and where the wait would take all that is left.
        A provider's Retry-After is waited out, and a random part of `first_wait_s` more, so that not all who were told
        the same come back at once.

        Args:
            error: of the latest attempt.
            attempt: its number, from 1.
            random: gives numbers from 0 up to 1.
            left_s: seconds until the last moment at which an attempt may begin.
        """
        if attempt >= self.attempts or not (isinstance(error, PortError) and error.retryable):
            return None
        wait_s = self._asked_for(error, random) or self._backed_off(attempt, random)
        return wait_s if wait_s < left_s else None

    def _asked_for(self, error: PortError, random: Callable[[], float]) -> float:
        asked_s = getattr(error, "retry_after_s", None) or 0.0
        return asked_s + random() * self.first_wait_s if asked_s > 0 else 0.0

    def _backed_off(self, attempt: int, random: Callable[[], float]) -> float:
        doublings = min(attempt - 1, 60)  # a float has room for these
        longest_s = min(self.first_wait_s * 2.0**doublings, self.longest_wait_s)
        return longest_s * (1 + random()) / 2


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
