"""The embedded model's file, for tests that open it: fetched once, and a failure, never a skip, if it cannot be had."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from llamabot.adapters.models import install

__all__ = ["installed_model"]


@cache
def installed_model() -> Path:
    """Return the model's file. A process of its own fetches it, so the tests' closed network is no hindrance."""
    return install("smollm2").path
