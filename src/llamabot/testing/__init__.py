"""The public testing kit.

Here are its fakes, which need no extra, but for `HashedEmbedding`, whose vectors are numpy's. Beside them:

- `llamabot.testing.faults`: what goes wrong with a port, on a schedule and on a virtual clock; no extra either.
- `llamabot.testing.strategies`: generated models, transcripts, tools, documents; hypothesis, of the extra `testing`.
- `llamabot.testing.recordings`: recorded runs that answer tests; `@pytest.mark.llamabot_recording` in pytest.

Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llamabot.adapters.fake.clock import TickingClock, VirtualClock
    from llamabot.adapters.fake.completion import FunctionCompletion, ScriptedCompletion
    from llamabot.adapters.fake.docstore import InMemoryDocStore
    from llamabot.adapters.fake.embedding import HashedEmbedding
    from llamabot.adapters.fake.ids import CountingIds
    from llamabot.adapters.fake.memory import ChatMemory
    from llamabot.adapters.fake.recorder import InMemoryRecorder
    from llamabot.adapters.fake.toolbox import EchoToolbox
    from llamabot.testing.behaviour import Behaviour, Turn
    from llamabot.testing.transcripts import Breakage, breakages

__all__ = [
    "Behaviour",
    "Breakage",
    "ChatMemory",
    "CountingIds",
    "EchoToolbox",
    "FunctionCompletion",
    "HashedEmbedding",
    "InMemoryDocStore",
    "InMemoryRecorder",
    "ScriptedCompletion",
    "TickingClock",
    "Turn",
    "VirtualClock",
    "breakages",
]

_FAKES = "llamabot.adapters.fake"
_HOMES = {
    "Behaviour": "llamabot.testing.behaviour",
    "Breakage": "llamabot.testing.transcripts",
    "ChatMemory": f"{_FAKES}.memory",
    "CountingIds": f"{_FAKES}.ids",
    "EchoToolbox": f"{_FAKES}.toolbox",
    "FunctionCompletion": f"{_FAKES}.completion",
    "HashedEmbedding": f"{_FAKES}.embedding",
    "InMemoryDocStore": f"{_FAKES}.docstore",
    "InMemoryRecorder": f"{_FAKES}.recorder",
    "ScriptedCompletion": f"{_FAKES}.completion",
    "TickingClock": f"{_FAKES}.clock",
    "Turn": "llamabot.testing.behaviour",
    "VirtualClock": f"{_FAKES}.clock",
    "breakages": "llamabot.testing.transcripts",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return [*__all__]
