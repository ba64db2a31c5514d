"""The world of one call: the ports its effects are performed on."""

from __future__ import annotations

import msgspec

from llamabot.domain.toolset import Toolset
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import AsyncCompletionPort, CompletionPort
from llamabot.ports.docstore import AsyncSearchPort, SearchPort
from llamabot.ports.ids import IdPort
from llamabot.ports.memory import AsyncMemoryPort, MemoryPort
from llamabot.ports.recorder import RecorderPort

__all__ = ["AnyCompletion", "AnyDocStore", "AnyMemory", "World"]

AnyCompletion = CompletionPort | AsyncCompletionPort
AnyDocStore = SearchPort | AsyncSearchPort
AnyMemory = MemoryPort | AsyncMemoryPort


class World(msgspec.Struct, frozen=True):
    """Ports as they were resolved when the call began; None where there is none.

    Attributes:
        toolset: the bot's tools; None for bots that have none.
        docstore: what the bot's answers are from; None for bots that have none.
    """

    completion: AnyCompletion
    memory: AnyMemory | None
    recorder: RecorderPort | None
    clock: ClockPort
    ids: IdPort
    toolset: Toolset | None = None
    docstore: AnyDocStore | None = None
