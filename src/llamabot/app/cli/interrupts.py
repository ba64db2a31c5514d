"""Ctrl-C: the first one stops, those after it do not hit what tidies up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_interrupt"]


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Let the first Ctrl-C of a block raise and ignore the others, so that none hits what tidies up after it."""

    def interrupt(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
