"""The desk's events as server-sent events."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict

from support_desk.application.events import DeskEvent


def encoded(event: DeskEvent) -> str:
    """Return an event as one frame; its data is one line of JSON, so that no text can end it or forge another."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()
    return f"event: {name}\ndata: {json.dumps(asdict(event))}\n\n"


async def frames(events: AsyncIterator[DeskEvent]) -> AsyncIterator[str]:
    """Yield events as frames."""
    async for event in events:
        yield encoded(event)
