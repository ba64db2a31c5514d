"""Strategies made of a function that draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Concatenate, ParamSpec, TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["by_profile", "drawn", "phases"]

P = ParamSpec("P")
T = TypeVar("T")


def drawn(function: Callable[Concatenate[DrawFn, P], T], *given: P.args, **named: P.kwargs) -> SearchStrategy[T]:
    """Return a strategy for what a function makes of what it draws.

    As `st.composite`, which reads the function's source: that is left to the first use here, since for all
    of the kit it is a quarter of what the import adds to that of hypothesis.
    """
    strategy: SearchStrategy[T] = _composite(function)(*given, **named)
    return strategy


@cache
def _composite(function: Callable[..., Any]) -> Callable[..., SearchStrategy[Any]]:
    return st.composite(function)


def by_profile(examples: int) -> int:
    """Return how many examples a search tries: fewer where the profile in force tries fewer than hypothesis's 100."""
    return max(1, examples * min(100, settings().max_examples) // 100)


def phases() -> tuple[Phase, ...]:
    """Return the phases of a search: those of the profile in force, without explaining.

    To explain a failure is to trace every line of the adapter or bot: minutes, for what the message says already.
    """
    return tuple(phase for phase in settings().phases if phase is not Phase.explain)
