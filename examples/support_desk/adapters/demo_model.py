"""A script in the place of a model, so that the desk can be tried with no key, no network and no download."""

from __future__ import annotations

import json
import re

import llamabot as lmb
from llamabot.testing import FunctionCompletion
from support_desk.application.clerk import REFUND

_AMOUNT = re.compile(r"\d+(?:\.\d+)?")


def demo_model() -> FunctionCompletion:
    """Return a model that looks an order up, pays the first number in a message back, and quotes the help pages."""
    return FunctionCompletion(_reply)


def _reply(request: lmb.CompletionRequest) -> lmb.AssistantMessage:
    return _clerk(request) if request.tools else _librarian(request)


def _clerk(request: lmb.CompletionRequest) -> lmb.AssistantMessage:
    messages = request.messages
    asked = max(at for at, message in enumerate(messages) if isinstance(message, lmb.UserMessage))
    done = messages[asked + 1 :]
    amount = _AMOUNT.search(messages[asked].text)
    if not done:
        return _call("look_up_order")
    if len(done) == 2 and amount:
        return _call(REFUND, euros=float(amount.group()))
    return lmb.assistant(f"Here is what I found: {done[-1].text}")


def _librarian(request: lmb.CompletionRequest) -> lmb.AssistantMessage:
    quoted = re.findall(r"^> (.+)$", request.messages[-1].text, re.MULTILINE)
    return lmb.assistant(f"{quoted[-1]} [1]" if quoted else "")


def _call(name: str, **arguments: float) -> lmb.AssistantMessage:
    return lmb.AssistantMessage(tool_calls=(lmb.ToolCall("", name, json.dumps(arguments)),))
