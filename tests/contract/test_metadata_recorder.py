from __future__ import annotations

from typing import ClassVar

import msgspec
from tests.contract.own_recorder import OwnRecorderContract

from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.adapters.wrap.metadata import MetadataRecorder
from llamabot.ports.recorder import (
    Blob,
    EffectFinished,
    EffectStarted,
    ErrorRecord,
    RunEvent,
    RunFinished,
    RunPaused,
    RunStarted,
)


class TestMetadataRecorder(OwnRecorderContract):
    examples = 40
    not_supported: ClassVar = {"contents": "metadata is all that it keeps, by design"}

    def make(self) -> MetadataRecorder:
        return MetadataRecorder(InMemoryRecorder())

    def seen(self, event: RunEvent) -> RunEvent | None:
        """Everything but contents, blobs and what errors say."""
        event = msgspec.json.decode(msgspec.json.encode(super().seen(event)), type=RunEvent)
        if isinstance(event, Blob):
            return None
        if isinstance(event, EffectStarted | RunStarted):
            return msgspec.structs.replace(event, input=None)
        if isinstance(event, EffectFinished):
            event = msgspec.structs.replace(event, outcome=None, partial=None)
        if isinstance(event, EffectFinished | RunFinished | RunPaused) and event.error:
            return msgspec.structs.replace(event, error=ErrorRecord(event.error.type, ""))
        return event
