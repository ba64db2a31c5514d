"""The smallest of what a strategy gives that has a property."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st

__all__ = ["minimal"]

_patient = settings(max_examples=3000, database=None, phases=[Phase.generate, Phase.shrink])


def minimal(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]) -> Any:
    """Return the smallest example that hypothesis finds, the same in every run."""
    return find(strategy, condition, settings=_patient, random=Random(1))
