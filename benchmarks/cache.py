"""Where benchmarks keep what they fetched and made: packages, corpora, vectors, environments."""

from __future__ import annotations

from platformdirs import user_cache_path

__all__ = ["CACHE"]

CACHE = user_cache_path("llamabot", appauthor=False) / "benchmarks"
