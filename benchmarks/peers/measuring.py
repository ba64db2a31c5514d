"""How each task of a contender is measured in its own process. The standard library alone."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.canned import CHUNKS
from benchmarks.peers.tasks import STEPS, Ask, Tasks
from benchmarks.side import resident_mib

__all__ = ["AT_ONCE", "CALLS", "FAKE_AGENTS", "FAKE_TURNS", "LOOPS", "MANY", "STREAMS", "commands"]

CALLS = 100
STREAMS = 6
AT_ONCE = 100
FAKE_AGENTS = 100
FAKE_TURNS = 500
LOOPS = 1_000
MANY = 10_000
_WARM = 1_000


def commands(tasks: Tasks) -> dict[str, Callable[[], Any]]:
    """Return the measurements by name: milliseconds of the process's CPU time where nothing else is said."""
    loop = _Loop()
    ask = tasks.acall and tasks.acall()
    return {
        "call": lambda: tasks.call and _cpu_ms(tasks.call, CALLS),
        "acall": lambda: ask and _awaited_ms(loop, ask),
        "at once": lambda: ask and _at_once_ms(loop, ask),
        "fragment": lambda: _fragment_ms(tasks, loop),
        "step": lambda: tasks.agent and _cpu_ms(tasks.agent, 2) / STEPS,
        "fake turn": lambda: tasks.fake_turn and _cpu_ms(tasks.fake_turn, FAKE_TURNS),
        "fake step": lambda: tasks.fake_agent and _cpu_ms(tasks.fake_agent, FAKE_AGENTS) / STEPS,
        "recorded turn": lambda: tasks.recorded_turn and _cpu_ms(tasks.recorded_turn, FAKE_TURNS),
        "recorded step": lambda: tasks.recorded_agent and _cpu_ms(tasks.recorded_agent, FAKE_AGENTS) / STEPS,
        "memory": lambda: tasks.call and _growth_mib(tasks.call),
        "files": lambda: tasks.acall and _files_left(tasks.acall()),
    }


class _Loop:
    """An event loop in a thread of its own: some contenders keep one for their synchronous calls in this."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what comes of it."""
        return self._thread.submit(self._runner.run, work).result()


def _cpu_ms(work: Callable[[], object], times: int) -> float:
    begin = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begin) / times * 1e3


def _awaited_ms(loop: _Loop, ask: Ask) -> float:
    async def all_in_turn() -> float:
        begin = time.process_time()
        for _ in range(CALLS):
            await ask()
        return (time.process_time() - begin) / CALLS * 1e3

    taken: float = loop.run(all_in_turn())
    return taken


def _at_once_ms(loop: _Loop, ask: Ask) -> float:
    async def all_at_once() -> float:
        begin = time.process_time()
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        return (time.process_time() - begin) / AT_ONCE * 1e3

    taken: float = loop.run(all_at_once())
    return taken


def _fragment_ms(tasks: Tasks, loop: _Loop) -> float | None:
    """Return what a fragment takes, and its share of the call around it.

    Raises:
        RuntimeError: the contender gathered fragments, so that there is nothing to compare.
    """
    seen = 0

    def through() -> None:
        nonlocal seen
        for _ in tasks.stream() if tasks.stream else ():
            seen += 1

    async def awaited() -> None:
        nonlocal seen
        if tasks.astream:
            async for _ in tasks.astream():
                seen += 1

    if tasks.stream is None and tasks.astream is None:
        return None
    work = through if tasks.stream else (lambda: loop.run(awaited()))
    taken = _cpu_ms(work, STREAMS)
    if seen < STREAMS * CHUNKS:
        raise RuntimeError(f"{seen} fragments of {STREAMS * CHUNKS}")
    return taken / CHUNKS


def _growth_mib(ask: Callable[[], str]) -> float:
    """Return by how much the process grew between the 1,000th and the 10,000th call."""
    for _ in range(_WARM):
        ask()
    gc.collect()
    before = resident_mib()
    for _ in range(MANY - _WARM):
        ask()
    gc.collect()
    return resident_mib() - before


def _files_left(ask: Ask) -> int | None:
    """Return how many more files are open after a thousand event loops, each of which asked once (Linux).

    None is for a client that does not serve a second loop.
    """

    async def once() -> None:
        await ask()

    asyncio.run(once())
    gc.collect()
    before = _open_files()
    try:
        for _ in range(LOOPS):
            asyncio.run(once())
    except Exception:  # noqa: BLE001 - each client has errors of its own
        return None
    gc.collect()
    return _open_files() - before


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
