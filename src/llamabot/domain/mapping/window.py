"""Which input is drawn next, which item may leave, and when to wait: the schedule of a map.

Both colours' loops ask `act` what to do and tell what has happened. There is no thread, no task and no clock here.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

__all__ = ["Do", "Leave", "Window"]

I = TypeVar("I")  # noqa: E741 - an item

_MOST_HELD = 4
"""Inputs that are drawn and whose items have not left, for each one that may run: so far a slow one may lag behind."""


class Do(Enum):
    """What the loop is to do next, unless an item leaves."""

    DRAW = "draw the next input"
    WAIT = "wait until something has happened"
    END = "all is over"


class Leave(Generic[I]):
    """An item is handed out."""

    __slots__ = ("item",)

    def __init__(self, item: I) -> None:
        self.item = item


class Window(Generic[I]):
    """The inputs that are drawn and whose items have not left; never more than four times those that may run at once.

    Args:
        concurrency: most inputs that are worked on at once.
        in_order: items leave in the order of their inputs, else as they are done.

    Attributes:
        running: how many inputs are worked on.
    """

    def __init__(self, concurrency: int, *, in_order: bool) -> None:
        self.running = 0
        self._error: BaseException | None = None
        self._concurrency = concurrency
        self._in_order = in_order
        self._done: dict[int, I] = {}
        self._drawn = 0
        self._left = 0
        self._is_drawing = False
        self._has_drawn = False
        self._has_ended = False

    def act(self) -> Do | Leave[I]:
        """Return what to do next.

        Before an item is handed out one input is drawn, so that work goes on while its receiver is busy; but only one,
        so that slow inputs do not hold up what is done.
        """
        ready = self._ready()
        if self._may_draw() and (ready is None or not self._has_drawn):
            self._is_drawing = self._has_drawn = True
            return Do.DRAW
        self._has_drawn = False
        if ready is not None:
            self._left += 1
            return Leave(self._done.pop(ready))
        return Do.WAIT if self.running or self._is_drawing else Do.END

    def drew(self) -> int:
        """Note that an input came, which is worked on from now; return its index."""
        self._is_drawing = False
        self.running += 1
        self._drawn += 1
        return self._drawn - 1

    def ended(self, error: BaseException | None = None) -> None:
        """Note that no more inputs come, because of an error or not."""
        self._is_drawing = False
        self._has_ended = True
        self._error = error

    def done(self, index: int, item: I) -> None:
        """Note what became of an input."""
        self.running -= 1
        self._done[index] = item

    def check(self) -> None:
        """Raise what the inputs ended with, once all items have left."""
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # held here it would keep its own traceback alive

    def _ready(self) -> int | None:
        """Return the index of an item that may leave."""
        if self._in_order:
            return self._left if self._left in self._done else None
        return next(iter(self._done), None)

    def _may_draw(self) -> bool:
        return (
            not (self._has_ended or self._is_drawing)
            and self.running < self._concurrency
            and self._drawn - self._left < self._concurrency * _MOST_HELD
        )
