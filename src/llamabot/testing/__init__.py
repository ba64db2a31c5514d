"""The public testing kit. Its fakes need no extra, but for `HashedEmbedding`, whose vectors are numpy's."""

from __future__ import annotations

from llamabot.adapters.fake.clock import TickingClock
from llamabot.adapters.fake.completion import FunctionCompletion, ScriptedCompletion
from llamabot.adapters.fake.docstore import InMemoryDocStore
from llamabot.adapters.fake.embedding import HashedEmbedding
from llamabot.adapters.fake.ids import CountingIds
from llamabot.adapters.fake.memory import ChatMemory
from llamabot.adapters.fake.recorder import InMemoryRecorder

__all__ = [
    "ChatMemory",
    "CountingIds",
    "FunctionCompletion",
    "HashedEmbedding",
    "InMemoryDocStore",
    "InMemoryRecorder",
    "ScriptedCompletion",
    "TickingClock",
]
