"""Tools and answers that several tests of agents use."""

from __future__ import annotations

from tests.unit.domain.asking import asks

__all__ = ["ADD", "THREE", "add", "fail"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def fail() -> str:
    """Fail."""
    raise ValueError("no luck")


ADD = ("add", {"a": 1, "b": 2})
THREE = asks(ADD), "three"
