"""What a map yields for each input."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import msgspec

from llamabot.ports.completion import NO_USAGE, Usage

__all__ = ["MapItem"]

T = TypeVar("T")


class MapItem(msgspec.Struct, Generic[T], frozen=True):
    """What became of one input: a value or an error.

    Attributes:
        index: the place of the input, from 0.
        input: as it was given.
        value: the answer in the bot's own type; None with an error.
        error: what the bot raised, after the last try; None with a value.
        usage: tokens of all tries.
        run_id: the run in the log; None for an input that no run could be begun with.
        cost_usd: None if the price of any completion is unknown, and with an error.
        from_log: it was told from the log, nothing was done anew.
    """

    index: int
    input: Any
    value: T | None = None
    error: Exception | None = None
    usage: Usage = NO_USAGE
    run_id: str | None = None
    cost_usd: float | None = None
    from_log: bool = False

    def unwrap(self) -> T:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)
