"""What may be said of a tool beside its signature."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from llamabot.ports.errors import ToolDefinitionError

__all__ = ["NAME", "ToolOptions", "check_options"]

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""Names that every provider takes, of tools and of their parameters."""


class ToolOptions(TypedDict, total=False):
    """What `tool` takes.

    Attributes:
        name: what the model calls it by, instead of the function's name.
        description: what the model reads, instead of the docstring.
        terminal: what it returns ends the run.
        timeout_s: seconds it may take.
        needs_approval: someone must say yes before it runs.
        idempotent: it may run again with the same idempotency key; True unless said otherwise.
        sequential: it runs alone among the calls of a decision.
    """

    name: str | None
    description: str | None
    terminal: bool
    timeout_s: float | None
    needs_approval: bool
    idempotent: bool
    sequential: bool


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `ToolDefinitionError` for an option that there is not, or of the wrong kind."""
    for name, value in options.items():
        check, wanted = _CHECKS.get(name, (None, ""))
        if check is None:
            near = difflib.get_close_matches(name, _CHECKS, 1)
            advice = f"did you mean {near[0]}=?" if near else f"there are {', '.join(_CHECKS)}"
            raise ToolDefinitionError(f"tool() has no option {name}=; {advice}")
        if not check(value):
            raise ToolDefinitionError(f"{name}= of a tool is {wanted}, not {value!r:.80}")


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return value is None or (isinstance(value, str) and NAME.fullmatch(value) is not None)


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (is_number and 0 < value < math.inf)


_FLAG = (_is_flag, "True or False")
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_name, "1 to 64 of the characters a-z, A-Z, 0-9, _ and -"),
    "description": (_is_text, "text"),
    "terminal": _FLAG,
    "timeout_s": (_is_time, "a number of seconds above 0, or None"),
    "needs_approval": _FLAG,
    "idempotent": _FLAG,
    "sequential": _FLAG,
}
