"""The embedded models, for tests that run them: fetched once, and a failure, never a skip, if they cannot be had."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from llamabot.adapters.models import install

__all__ = ["installed_model"]


@cache
def installed_model() -> Path:
    """Return the file of the one that answers; the one that embeds is here then too.

    A process of its own fetches them, so the tests' closed network is no hindrance.
    """
    install("minilm")
    return install("smollm2").path
