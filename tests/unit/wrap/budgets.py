"""A budget around a port, and what its answers cost."""

from __future__ import annotations

from typing import Any

from llamabot.adapters.fake.shared import InMemoryLedger
from llamabot.adapters.wrap.budget import Budget
from llamabot.ports.completion import Completion, FinishReason, Usage
from llamabot.ports.messages import AssistantMessage

__all__ = ["CHEAP", "budget", "costing"]

CHEAP = {"first": (0.001, 0.002)}


def costing(usd: float) -> Completion:
    return Completion(AssistantMessage("one two"), FinishReason.STOP, Usage(5, 2), cost_usd=usd)


def budget(port: Any, cost_usd: float, **more: Any) -> Any:
    return Budget(port, more.pop("ledger", None) or InMemoryLedger(), cost_usd=cost_usd, **{"prices": CHEAP, **more})
