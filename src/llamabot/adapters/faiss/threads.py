"""How many threads FAISS takes: one for a search, all for a build. OpenMP keeps the number for each thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from llamabot.adapters.faiss.vendor import load_faiss

__all__ = ["all_threads", "one_thread"]

_LOADED_IN = os.getpid()


def one_thread() -> AbstractContextManager[None]:
    """Let a block have one thread: for a single query, handing it to others takes longer than doing it."""
    return _threads(1)


def all_threads() -> AbstractContextManager[None]:
    """Let a block have a thread for each core; in the child of a fork one, for the parent's others are not there."""
    return _threads((os.cpu_count() or 1) if os.getpid() == _LOADED_IN else 1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
