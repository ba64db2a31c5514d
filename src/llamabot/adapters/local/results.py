"""What a function gave, as an answer for the model."""

from __future__ import annotations

import dataclasses
import inspect
import json
import reprlib
from collections.abc import Iterator
from typing import Any

import msgspec

from llamabot.ports.assembly import mend_text
from llamabot.ports.kinds import a_kind
from llamabot.ports.schema import is_pydantic
from llamabot.ports.tools import StopRun, Tool, ToolCall, ToolResult

__all__ = ["answered", "failed", "text_of"]

_LONGEST_REPR = 4_000


def answered(call: ToolCall, tool: Tool, value: Any, *, returns_nothing: bool = False) -> ToolResult:
    """Return the result of a call that gave a value."""
    problem = _unfinished(value)
    if problem:
        return ToolResult(call.id, f"{call.name} failed: {problem}", is_error=True)
    text = "done" if value is None and returns_nothing else text_of(value)
    if tool.terminal:
        return ToolResult(call.id, text, ends_run=True, value=value)
    return ToolResult(call.id, text)


def failed(call: ToolCall, error: BaseException) -> ToolResult:
    """Return the result of a call that raised: `StopRun` ends the run, everything else is told to the model."""
    if isinstance(error, StopRun):
        return ToolResult(call.id, text_of(error.value), ends_run=True, value=error.value)
    try:
        message = mend_text(str(error))
    except Exception:  # noqa: BLE001 - an error that cannot even be shown is still an answer
        message = ""
    told = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return ToolResult(call.id, f"{call.name} failed: {told}", is_error=True)


def text_of(value: Any) -> str:
    """Return a text as it is, any other value as JSON, one that has no JSON form as a repr of at most 4,000 characters.

    Halves of characters are mended. Never raises.
    """
    if isinstance(value, str):
        return mend_text(value)
    try:
        return msgspec.json.encode(value, enc_hook=_json_of).decode()
    except UnicodeEncodeError:
        return _mended_json(value)
    except Exception:  # noqa: BLE001 - whatever a value's own code raises, it has no JSON form then
        return _short_repr(value)


def _json_of(value: Any) -> msgspec.Raw:
    if is_pydantic(type(value)):
        return msgspec.Raw(value.model_dump_json())
    raise NotImplementedError


def _mended_json(value: Any) -> str:
    try:
        plain = msgspec.to_builtins(value, enc_hook=lambda inner: msgspec.json.decode(_json_of(inner)), str_keys=True)
        return mend_text(json.dumps(plain, ensure_ascii=False))
    except Exception:  # noqa: BLE001 - as above
        return _short_repr(value)


def _unfinished(value: Any) -> str | None:
    """Say what is wrong with a value that something is still to be made of; it is closed."""
    if inspect.isawaitable(value):
        problem = "it returned a coroutine that nobody awaits; its author must make it an async def"
    elif isinstance(value, Iterator) or inspect.isasyncgen(value):
        problem = f"it returned {a_kind(value)}, which is no value yet; its author must return a list"
    else:
        return None
    if inspect.iscoroutine(value) or inspect.isgenerator(value):
        value.close()  # else Python warns that it was never awaited
    return problem


class _ShortRepr(reprlib.Repr):
    """Reprs that are short while they are made, not cut afterwards: the object may hold 50 MB."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = 20
        self.maxstring = self.maxother = 500

    def repr_instance(self, x: Any, level: int) -> str:
        """Show records field by field; their own repr would be as long as what they hold."""
        if dataclasses.is_dataclass(x):
            names = [field.name for field in dataclasses.fields(x)]
        elif isinstance(x, msgspec.Struct):
            names = list(x.__struct_fields__)
        elif isinstance(x, bytes | bytearray):
            return super().repr_instance(bytes(x[: self.maxother]), level)
        else:
            return super().repr_instance(x, level)
        shown = [f"{name}={self.repr1(getattr(x, name, None), level - 1)}" for name in names] if level > 0 else ["..."]
        return f"{type(x).__name__}({', '.join(shown)})"


def _short_repr(value: Any) -> str:
    try:
        return mend_text(_ShortRepr().repr(value)[:_LONGEST_REPR])
    except Exception:  # noqa: BLE001 - a repr is the object's own code
        return f"<{type(value).__name__}>"
