"""The race: ours, what it stands on, and other libraries for the same, each in an environment of its own."""

from __future__ import annotations

from typing import Any

__all__ = ["measure"]


def measure() -> Any:
    """Run it; what the contenders themselves import from here needs nothing of ours."""
    from benchmarks.peers.race import measure as run

    return run()
