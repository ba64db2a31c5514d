"""Functions and methods that several tests make tools of."""

from __future__ import annotations

import llamabot as lmb

__all__ = ["Counter", "fine", "many"]


class Counter:
    def __init__(self) -> None:
        self.count = 0

    @lmb.tool(name="step")
    def up(self, by: int = 1) -> int:
        self.count += by
        return self.count

    def down(self, by: int) -> int:
        self.count -= by
        return self.count


def many(*cities: str) -> None: ...


def fine(x: int) -> int:
    return x
