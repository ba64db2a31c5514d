"""Threads that do one thing at the same time, and what went wrong in any of them; a port that is awaited, called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from llamabot.domain.background import in_background
from llamabot.ports.tools import Cancellation

__all__ = ["Awaited", "AwaitedAnew", "all_at_once"]

_PATIENCE_S = 60


def all_at_once(work: Callable[[int], object], count: int) -> None:
    """Call `work` with each number below `count`, each in a thread of its own, and raise the first error."""
    failures: list[BaseException] = []

    def watched(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - it is raised again, where it is seen
            failures.append(error)

    threads = [threading.Thread(target=watched, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE_S)
        assert not thread.is_alive(), f"a thread has not ended after {_PATIENCE_S} s: do they wait for each other?"
    if failures:
        raise failures[0]


class Awaited:
    """An async port with the methods of its sync twin: each is awaited on one event loop, in a thread beside.

    Attributes:
        port: the port itself.
    """

    def __init__(self, port: Any) -> None:
        self.port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, f"a{name}", None)
        if method is None:
            return getattr(self.port, name)
        return partial(self._wait_for, method)

    def _wait_for(self, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return in_background(method(*given, **named), Cancellation())


class AwaitedAnew(Awaited):
    """As `Awaited`, each call in an event loop of its own."""

    def _wait_for(self, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return asyncio.run(method(*given, **named))
