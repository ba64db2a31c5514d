"""Limits of one call."""

from __future__ import annotations

import msgspec

__all__ = ["NO_LIMITS", "Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one call may use. None is no limit.

    Attributes:
        deadline_s: seconds from the start of the call to its end. Checked before each effect, and bounds the effect
            in flight; reaching it raises `LimitReached`.
    """

    deadline_s: float | None = None


NO_LIMITS = Limits()
