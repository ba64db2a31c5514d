"""All that is wrong on purpose."""

from __future__ import annotations

from tests.falsify import (
    async_completions,
    bots,
    clocks,
    completions,
    docstores,
    embeddings,
    graphs,
    memories,
    recorders,
    toolboxes,
    wrong,
)

__all__ = ["ADAPTERS", "BOTS", "MODULES"]

MODULES = (completions, async_completions, embeddings, memories, docstores, recorders, toolboxes, clocks, bots, graphs)
ADAPTERS = tuple(wrong.ADAPTERS)
BOTS = tuple(wrong.BOTS)
