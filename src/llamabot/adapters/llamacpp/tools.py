"""Tools for a runtime that can hold a model to one JSON schema and to nothing else.

An answer is one object: `{"tool": name, "arguments": {…}}`, or, where the model may answer in words,
`{"tool": "respond", "text": …}`. The union of these is the schema; `ToolAnswer` reads the object while it is written,
so that words and arguments stream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.adapters.llamacpp.schema import enforceable, sketch
from llamabot.ports.completion import CompletionRequest, ToolCallFragment
from llamabot.ports.errors import RequestRejected
from llamabot.ports.tools import ToolSpec

__all__ = ["Contract", "ToolAnswer", "call_text", "contract_of"]


class Contract(msgspec.Struct, frozen=True):
    """What an answer is held to.

    Attributes:
        schema: given to the runtime.
        note: told to the model.
        respond: the name under which the model answers in words; None if the whole answer is the object itself.
    """

    schema: Mapping[str, Any]
    note: str
    respond: str | None = None


def contract_of(request: CompletionRequest) -> Contract | None:
    """Return what the answer to a request is held to; None for free text.

    Raises:
        RequestRejected: the tool that was chosen is not among the tools, or a schema cannot be met.
    """
    definitions: dict[str, Any] = {}
    output = enforceable(request.output.schema, definitions, "output-") if request.output else None
    if request.tools and request.tool_choice != "none":
        return _tool_contract(request, output, definitions)
    if output is None:
        return None
    return Contract(_with(definitions, output), f"Reply with one JSON object: {sketch(output, definitions)}")


def _tool_contract(request: CompletionRequest, output: dict[str, Any] | None, definitions: dict[str, Any]) -> Contract:
    respond = _free_name("respond", {tool.name for tool in request.tools})
    variants, lines = [], []
    for tool in _offered(request):
        parameters = enforceable(tool.parameters, definitions, f"{tool.name}-")
        variants.append(_object(tool={"const": tool.name}, arguments=parameters))
        lines.append(_line(tool, sketch(parameters, definitions)))
    if request.tool_choice == "auto":
        text = output or {"type": "string"}
        variants.append(_object(tool={"const": respond}, text=text))
        lines.append(f'To answer in words: {{"tool": "{respond}", "text": {sketch(text, definitions)}}}')
    note = "\n".join(["You can use tools. Reply with one JSON object.", *lines])
    return Contract(_with(definitions, {"anyOf": variants}), note, respond)


def _offered(request: CompletionRequest) -> tuple[ToolSpec, ...]:
    if request.tool_choice in ("auto", "required"):
        return request.tools
    offered = tuple(tool for tool in request.tools if tool.name == request.tool_choice)
    if not offered:
        names = ", ".join(repr(tool.name) for tool in request.tools)
        raise RequestRejected(f"tool_choice is {request.tool_choice!r}, which is not among the tools: {names}")
    return offered


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _line(tool: ToolSpec, arguments: str) -> str:
    description = " ".join(tool.description.split())
    return f'{description} {{"tool": "{tool.name}", "arguments": {arguments}}}'.lstrip()


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _with(definitions: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "$defs": definitions} if definitions else schema


def call_text(name: str, arguments: str) -> str:
    """Return a call as the model wrote it, for the conversation that goes back to it."""
    return f'{{"tool": {json.dumps(name)}, "arguments": {arguments or "{}"}}}'


_HEAD = re.compile(r'\s*\{\s*"tool"\s*:\s*"([^"\\]*)"\s*,\s*"(?:text|arguments)"\s*:\s*(?=\S)')
_STRING_PIECE = re.compile(r'(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')


class ToolAnswer:
    """Reads one answer of the union as its fragments arrive; belongs to one call.

    Args:
        respond: the name under which the model answers in words.
        seed: what makes the call's id unique: the request it answers.
    """

    def __init__(self, respond: str, seed: bytes) -> None:
        self._respond = respond
        self._seed = seed
        self._unread = ""
        self._name: str | None = None
        self._in_string = False

    @property
    def is_call(self) -> bool:
        """Whether a tool is being called."""
        return self._name is not None and self._name != self._respond

    def feed(self, fragment: str) -> tuple[str, tuple[ToolCallFragment, ...]]:
        """Take a fragment in; return the text, or the pieces of the call, that it completes."""
        self._unread += fragment
        if self._name is not None:
            return self._shown("", self._readable())
        head = _HEAD.match(self._unread)
        if head is None:
            return "", ()
        self._name = head[1]
        self._unread = self._unread[head.end() :]
        self._in_string = not self.is_call and self._unread.startswith('"')
        self._unread = self._unread[self._in_string :]
        return self._shown(self._name, self._readable())

    def end(self, *, whole: bool) -> tuple[str, tuple[ToolCallFragment, ...]]:
        """Return what was held back: nothing of a whole answer, all of one that was cut off inside its arguments."""
        held = "" if whole or self._in_string or self._name is None else self._unread
        return self._shown("", held)

    def _readable(self) -> str:
        """Take from what is unread all that cannot be the end of the object."""
        if self._in_string:
            piece = _STRING_PIECE.match(self._unread)
            size = piece.end() if piece else 0
            text: str = json.loads(f'"{self._unread[:size]}"', strict=False)
        else:
            closing = self._unread.rfind("}")
            size = closing if closing >= 0 else len(self._unread)
            text = self._unread[:size]
        self._unread = self._unread[size:]
        return text

    def _shown(self, name: str, text: str) -> tuple[str, tuple[ToolCallFragment, ...]]:
        if not self.is_call:
            return text, ()
        if not (name or text):
            return "", ()
        return "", (ToolCallFragment(0, self._id() if name else "", name, text),)

    def _id(self) -> str:
        # From the request, not from chance: the same request gives the same call, and each turn of a run another.
        return "call_" + blake2b(self._seed, digest_size=12).hexdigest()
