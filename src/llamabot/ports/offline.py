"""LLAMABOT_OFFLINE: whoever is about to use the network asks here first."""

from __future__ import annotations

import os

__all__ = ["is_offline"]


def is_offline() -> bool:
    """Say whether LLAMABOT_OFFLINE forbids the network."""
    return os.environ.get("LLAMABOT_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on")
