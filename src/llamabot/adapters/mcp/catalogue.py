"""Which of a server's tools are offered, under which names, and how they may be called.

A name is `server__tool`, in the letters that every provider takes. It is a function of the two names alone, never of
which other tools there are: what a name in an old log means stays the same. A name that has to be changed or cut gets
eight digits of its own hash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.ports.errors import ConfigurationError
from llamabot.ports.tools import Tool, ToolSpec

__all__ = ["Choice", "offered"]

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 64
_LONGEST_SERVER = 32
_GLOB = re.compile(r"[*?\[]")


class Choice(msgspec.Struct, frozen=True):
    """Which tools of a server are wanted, by its own names for them.

    Attributes:
        name: the first part of the tools' names; None is the server's own.
        allow: names or globs of which each must be found; None allows all.
        deny: names, of which each must be found, or globs.
        idempotent: said of every tool, whatever the server says; None goes by the server.
    """

    name: str | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    idempotent: bool | None = None


def offered(server: str | None, tools: Sequence[Any], choice: Choice) -> dict[str, tuple[str, Tool]]:
    """Return the wanted tools, in the server's order: the server's name of each and what is offered, by our name.

    Raises:
        ConfigurationError: an allowed or a denied name does not exist.
    """
    prefix = _FOREIGN.sub("_", choice.name or server or "mcp")[:_LONGEST_SERVER]
    names = [tool.name for tool in tools]
    _check(prefix, names, choice)
    found: dict[str, tuple[str, Tool]] = {}
    for tool in tools:
        if _is_wanted(tool.name, choice):
            name = _name(prefix, tool.name)
            found.setdefault(name, (tool.name, _tool(name, tool, choice.idempotent)))
    return found


def _is_wanted(name: str, choice: Choice) -> bool:
    allowed = choice.allow is None or _fits(name, choice.allow)
    return allowed and not _fits(name, choice.deny)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def _check(server: str, names: Sequence[str], choice: Choice) -> None:
    must_exist = [*(choice.allow or ()), *(pattern for pattern in choice.deny if not _GLOB.search(pattern))]
    for pattern in must_exist:
        if not any(_fits(name, (pattern,)) for name in names):
            raise ConfigurationError(
                f"the MCP server {server!r} has no tool {pattern!r}; it has {', '.join(sorted(names)) or 'none'}"
            )


def _name(prefix: str, tool: str) -> str:
    name = f"{prefix}__{_FOREIGN.sub('_', tool)}"
    if name == f"{prefix}__{tool}" and len(name) <= _LONGEST:
        return name
    digits = blake2b(tool.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    return f"{name[: _LONGEST - len(digits) - 1]}-{digits}"


def _tool(name: str, tool: Any, idempotent: bool | None) -> Tool:
    description = tool.description or tool.title or ""
    spec = ToolSpec(name=name, description=description, parameters=_parameters(tool.input_schema))
    return Tool(spec, idempotent=_may_repeat(tool.annotations) if idempotent is None else idempotent)


def _may_repeat(hints: Any) -> bool:
    """Read the hints. A tool that says nothing of its effects is taken as a function would be: it may repeat.

    One that says that it changes things, and not that it may repeat, must not: that is the protocol's own default.
    """
    if hints is None or hints.read_only_hint:
        return True
    if hints.idempotent_hint is not None:
        return bool(hints.idempotent_hint)
    return hints.read_only_hint is None and hints.destructive_hint is None


def _parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool's schema whole, as that of an object that has properties, maybe none."""
    root = {**schema}
    reference = str(root.get("$ref", ""))
    for keyword in ("$defs", "definitions"):
        target = root.get(keyword, {}).get(reference.removeprefix(f"#/{keyword}/"))
        if target is not None:
            root = {**target, **{name: value for name, value in root.items() if name != "$ref"}}
    return {"type": "object", "properties": {}, **root}
