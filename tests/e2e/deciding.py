"""`llamabot` over a model that calls tools as it is told: run as a program, for tests of agents on terminals.

    python deciding.py '[["add", {"a": 1}], "It is 1."]' ARGUMENTS...

Each step is a text, or a call: the name of a tool, its arguments, and maybe what is said before. Calls are named by
the tool: `call_add`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import llamabot as lmb
from llamabot.app.cli import main
from llamabot.testing import ScriptedCompletion


class CountingCompletion(ScriptedCompletion):
    """Counts words as tokens."""

    def count_tokens(self, text: str, *, model: str = "") -> int:
        return len(text.split())


def calling(name: str, arguments: str) -> lmb.AssistantMessage:
    """Return a decision to call a tool, with arguments as a model writes them."""
    return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", name, arguments),))


def _step(step: Any) -> str | lmb.AssistantMessage:
    if isinstance(step, str):
        return step
    name, arguments, *said = step
    return lmb.AssistantMessage("".join(said), tool_calls=(lmb.ToolCall(f"call_{name}", name, json.dumps(arguments)),))


if __name__ == "__main__":
    with lmb.override(completion=CountingCompletion([_step(step) for step in json.loads(sys.argv[1])])):
        sys.exit(main(sys.argv[2:]))
