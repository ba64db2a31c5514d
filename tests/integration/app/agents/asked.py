"""What a model decides, a module of the user's own tools and bots, and what is in the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.app.command import log_of

import llamabot as lmb

__all__ = ["ADD", "OWN", "deciding", "last_of"]

OWN = """
import asyncio
import llamabot as lmb

PAID = []
NUMBER = 3

def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

@lmb.tool(needs_approval=True)
def pay(amount: int, to: str) -> str:
    "Pay someone."
    PAID.append((amount, to))
    return f"paid {amount} to {to}"

@lmb.tool(terminal=True)
def finish(text: str) -> str:
    "Finish."
    return text.upper()

def fail(text: str) -> str:
    "Fail."
    raise ValueError(text * 400)

def untyped(a):
    "Add."

inner = lmb.SimpleBot("You know.", name="expert", model="m")
expert = inner.as_tool()
payer = lmb.AgentBot("You pay.", tools=[pay], name="payer", model="m")
apayer = lmb.AsyncAgentBot("You pay.", tools=[pay], name="apayer", model="m")
elsewhere = lmb.AgentBot("You add.", tools=[add], model="m", recorder=lmb.SqliteRecorder("elsewhere.db", durable=True))
"""


def deciding(*calls: tuple[str, dict[str, Any]], text: str = "") -> lmb.AssistantMessage:
    asked = tuple(lmb.ToolCall(f"call_{name}", name, json.dumps(arguments)) for name, arguments in calls)
    return lmb.AssistantMessage(text, tool_calls=asked)


ADD = deciding(("add", {"a": 2, "b": 3}))


def last_of(project: Path) -> lmb.RunTrace:
    with log_of(project) as log:
        return lmb.read_trace(log.events(next(iter(log.runs())).run_id))
