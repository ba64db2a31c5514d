"""Requests whose parts have each a word of their own, and where those words are in what a vendor was sent.

Vendors differ in how a request is written: nothing here knows the name of a field but `role` and `temperature`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from llamabot.ports.completion import OutputSchema
from llamabot.ports.messages import (
    AssistantMessage,
    Image,
    Message,
    SystemMessage,
    Text,
    ToolMessage,
    UserMessage,
)
from llamabot.ports.tools import ToolCall, ToolSpec

__all__ = [
    "CALLS",
    "IMAGES",
    "INSTRUCTION",
    "PICTURED",
    "RESULTS",
    "SCHEMA",
    "TALK",
    "TOOLS",
    "USED_TOOLS",
    "check_apart",
    "check_role",
    "count",
    "has",
    "in_order",
    "plain",
    "texts_in",
    "values_named",
]

INSTRUCTION = "You weigh grain for the mill."
TALK: tuple[Message, ...] = (
    SystemMessage(INSTRUCTION),
    UserMessage('  "How heavy" is\n\tone <sack> \\ of rye, cafe\u0301 \N{LLAMA}? '),
    AssistantMessage("Sixty of your pounds."),
    UserMessage("And one of oats?"),
    AssistantMessage("Forty, if they are dry."),
    UserMessage("Thank you kindly."),
)
"""Text alone; each of them is said once."""

CALLS = (ToolCall("call_4kQ", "weigh", '{"sack":"barley"}'), ToolCall("toolu_9Xz", "look_up", '{"sack":"millet"}'))
RESULTS = (ToolMessage("Fifty-one pounds.", "call_4kQ"), ToolMessage("It is out of stock.", "toolu_9Xz"))
USED_TOOLS: tuple[Message, ...] = (
    UserMessage("Barley and millet?"),
    AssistantMessage(tool_calls=CALLS),
    *RESULTS,
    AssistantMessage("No millet today."),
    UserMessage("Then barley."),
)
"""Two calls of one turn, and their results."""

IMAGES = (b"\x89PNG\r\n\x1a\n\xff\xfe a sack", "https://mill.example/sack-7.png")
PICTURED: tuple[Message, ...] = (
    UserMessage(
        (Text("This sack,"), Image(data=IMAGES[0], media_type="image/png"), Text("or that?"), Image(url=IMAGES[1]))
    ),
    AssistantMessage("That."),
    UserMessage("Why?"),
)
"""A picture as bytes and one as a URL, among texts."""

_SACK = {"type": "object", "properties": {"sack": {"type": "string", "enum": ["rye", "spelt"]}}, "required": ["sack"]}
TOOLS = (ToolSpec("weigh", "Weigh a sack of grain.", _SACK), ToolSpec("look_up", "Say what is in stock.", _SACK))
SCHEMA = OutputSchema("sack", {**_SACK, "additionalProperties": False}, strict=True)

_ROLES: Mapping[type[Any], tuple[str, ...]] = {
    SystemMessage: ("assistant", "model", "tool", "user"),
    UserMessage: ("assistant", "developer", "model", "system", "tool"),
    AssistantMessage: ("developer", "system", "tool", "user"),
    ToolMessage: ("developer", "system"),
}
"""In whose name a message must not be sent."""


def plain(sent: Any) -> Any:
    """Return what was sent as plain values: what is JSON is read, bytes are in base64."""
    if isinstance(sent, str | bytes):
        try:
            return json.loads(sent)
        except ValueError:
            return sent if isinstance(sent, str) else sent.decode(errors="replace")
    return msgspec.to_builtins(sent, enc_hook=str)


def has(sent: Any, *wanted: str | float | bytes) -> bool:
    """Say whether all of these are somewhere: texts as parts of a text or a name, numbers as they are."""
    return all(count(sent, one) > 0 for one in wanted)


def count(sent: Any, wanted: str | float | bytes) -> int:
    """Return how often a text, a number or some bytes are said."""
    if isinstance(wanted, bytes):
        wanted = base64.b64encode(wanted).decode()
    if isinstance(wanted, str):
        return sum(text.count(wanted) for text in texts_in(sent))
    return sum(leaf == wanted or leaf == str(wanted) for leaf in _leaves(sent) if not isinstance(leaf, bool))


def texts_in(sent: Any) -> Iterator[str]:
    """Yield all texts, those that are names too, in their order."""
    return (leaf for leaf in _leaves(sent) if isinstance(leaf, str))


def in_order(sent: Any, wanted: Iterable[str]) -> bool:
    """Say whether these texts are there one after the other."""
    said = "\n".join(texts_in(sent))
    places = [said.find(text) for text in wanted]
    return -1 not in places and places == sorted(places)


def values_named(sent: Any, part_of_name: str) -> list[Any]:
    """Return the values, None left out, whose names have this text in them."""
    named = (item for mapping in _mappings(sent) for item in mapping.items())
    return [value for name, value in named if part_of_name in str(name).lower() and value is not None]


def check_role(sent: Any, message: Message) -> None:
    """Check that a message is not sent in another one's name, where names are given."""
    found = [value["role"] for value in _mappings(sent) if "role" in value and has(value, message.text)]
    role = found[-1] if found else None
    wrong = _ROLES[type(message)]
    assert role not in wrong, f"{type(message).__name__}({message.text!r}) is sent as if the {role!r} said it"


def check_apart(sent: Any, wanted: Iterable[str], others: Iterable[str]) -> None:
    """Check that these texts are together somewhere, and what belongs elsewhere is not with them."""
    wanted = tuple(wanted)
    together = [value for value in _containers(sent) if has(value, *wanted)]
    assert together, f"{wanted} are not all sent, or not together"
    strange = [text for text in others if has(together[-1], text)]
    assert not strange, f"{wanted} are sent, but nothing tells them from {strange}"


def _containers(value: Any) -> Iterator[Any]:
    """Yield all mappings and lists, each before those in it."""
    if isinstance(value, Mapping | list | tuple):
        yield value
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _containers(inner)


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (inner for inner in _containers(value) if isinstance(inner, Mapping))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
