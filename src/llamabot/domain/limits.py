"""Limits of one call."""

from __future__ import annotations

import math

import msgspec

from llamabot.ports.errors import ConfigurationError

__all__ = ["NO_LIMITS", "Limits"]

_COUNTS = frozenset({"decisions", "tool_calls", "tokens"})


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one call may use. None is no limit.

    They are checked before each effect, so that one completion may pass `tokens` and `cost_usd`, but none follows it.
    Reaching one raises `LimitReached` with the transcript; `bot.resume(run_id, limits=…)` goes on with larger ones.

    Attributes:
        decisions: completions.
        tool_calls: calls of tools.
        tokens: of all completions, prompts included.
        cost_usd: of all completions. A model of unknown price is an error at the start.
        deadline_s: seconds from the start of the call to its end; it bounds the effect in flight too.
    """

    decisions: int | None = 25
    tool_calls: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            limit = getattr(self, name)
            if limit is not None and not (_is_whole(limit) or (name not in _COUNTS and _is_number(limit))):
                kind = "a whole number" if name in _COUNTS else "a number"
                raise ConfigurationError(f"{name}= is {kind}, or None for no limit; got {limit!r}")


def _is_whole(limit: object) -> bool:
    return isinstance(limit, int) and not isinstance(limit, bool)


def _is_number(limit: object) -> bool:
    return isinstance(limit, float) and not math.isnan(limit)


NO_LIMITS = Limits(decisions=None)
