"""All that is wrong on purpose."""

from __future__ import annotations

from tests.falsify import (
    async_completions,
    bots,
    clocks,
    completion_streams,
    completions,
    docstore_arguments,
    docstore_searches,
    docstores,
    embeddings,
    graphs,
    memories,
    recorder_runs,
    recorders,
    sdk_answers,
    sdk_requests,
    source_searches,
    splitters,
    toolboxes,
    various,
    wrong,
)

__all__ = ["ADAPTERS", "BOTS", "MODULES"]

MODULES = (
    completions,
    completion_streams,
    async_completions,
    sdk_answers,
    sdk_requests,
    embeddings,
    memories,
    docstores,
    docstore_arguments,
    docstore_searches,
    source_searches,
    splitters,
    recorders,
    recorder_runs,
    toolboxes,
    clocks,
    various,
    bots,
    graphs,
)
ADAPTERS = tuple(wrong.ADAPTERS)
BOTS = tuple(wrong.BOTS)
