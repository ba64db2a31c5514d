"""How many threads FAISS takes: one for a search, all for a build. OpenMP keeps the number for each thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from llamabot.adapters.faiss.vendor import load_faiss

__all__ = ["all_threads", "one_thread"]

_LOADED_IN = os.getpid()


def one_thread() -> AbstractContextManager[None]:
    """Let a block have one thread: for a single query, handing it to others takes longer than doing it."""
    return _threads(1)


def all_threads() -> AbstractContextManager[None]:
    """Let a block have the threads that OpenMP gives: as OMP_NUM_THREADS says, else one for each core."""
    return _threads(min(load_faiss().omp_get_max_threads(), _most_threads()))


def _most_threads() -> int:
    """Return how many threads there may be: FAISS waits without end for one that it was promised and does not get."""
    if os.getpid() != _LOADED_IN:
        return 1  # after a fork: the parent's others are not there
    limit = os.environ.get("OMP_THREAD_LIMIT", "").strip()
    return max(1, int(limit)) if limit.isdecimal() else sys.maxsize


@contextmanager
def _threads(count: int) -> Iterator[None]:
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
