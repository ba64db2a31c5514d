"""Desks for tests: scripts in the place of models, and a day that stays."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import llamabot as lmb
from support_desk.container import Settings, SupportDesk
from support_desk.domain.orders import Money, Order

TODAY = date(2026, 3, 1)
LAMP = Order("A-2", "ana", "a floor lamp", Money.of(180), date(2026, 2, 20))
OLD_LAMP = Order("B-1", "bo", "a night light", Money.of(15), date(2025, 12, 1))


def made_desk(folder: Path, **replaced: Any) -> SupportDesk:
    """Return the container of a desk; ports are replaced where it is wired, and nothing is patched."""
    container = SupportDesk(settings=Settings(folder))
    container.today.override(lambda: TODAY)
    for name, port in replaced.items():
        container.providers[name].override(port)
    container.orders().add([LAMP, OLD_LAMP])
    return container


def asks_refund(*euros: float) -> lmb.AssistantMessage:
    """Return a model's message that asks for refunds."""
    calls = (lmb.ToolCall(f"r{at}", "refund", f'{{"euros": {amount}}}') for at, amount in enumerate(euros, 1))
    return lmb.AssistantMessage(tool_calls=tuple(calls))
