"""What makes two requests the same: everything that a model is told, and nothing of how or when it is reached."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from llamabot.domain.history import comparable
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.redaction import redacted_json

__all__ = ["CallNumbers", "difference", "lines_of", "renamed"]

_DIFF_LINES = 60
_ID_NAMES = frozenset({"id", "call_id"})


class CallNumbers(dict[str, str]):
    """Names for the ids of calls, in the order in which they are met."""

    def __missing__(self, id_: str) -> str:
        return self.setdefault(id_, f"call-{len(self) + 1}")


def renamed(value: Any, name_of: Callable[[str], str], *, is_id: bool = False) -> Any:
    """Return a JSON value with every id of a call under another name."""
    if isinstance(value, str):
        return name_of(value) if is_id else value
    if isinstance(value, list):
        return [renamed(item, name_of) for item in value]
    if isinstance(value, dict):
        return {
            name: item if name == "metadata" else renamed(item, name_of, is_id=name in _ID_NAMES)
            for name, item in value.items()
        }
    return value


def lines_of(request: CompletionRequest) -> tuple[str, ...]:
    """Return a request as text, line by line: equal for two that ask a model the same."""
    plain = {**redacted_json(comparable(request))}
    messages = renamed(plain.pop("messages"), CallNumbers().__getitem__)
    text = msgspec.json.format(msgspec.json.encode({**plain, "messages": messages}, order="sorted"), indent=1)
    return tuple(text.decode().splitlines())


def difference(asked: Sequence[str], recorded: Iterable[Sequence[str]]) -> str:
    """Return what a request asks otherwise than the nearest of the recorded ones."""
    nearest = max(recorded, key=lambda lines: _likeness(lines, asked), default=())
    found = list(difflib.unified_diff(nearest, asked, "recorded", "asked", lineterm="", n=2))
    return "\n".join(line if len(line) <= 300 else f"{line[:300]}…" for line in [*found[:_DIFF_LINES], *_more(found)])


def _likeness(lines: Sequence[str], others: Sequence[str]) -> float:
    return difflib.SequenceMatcher(None, lines, others, autojunk=False).ratio()


def _more(found: list[str]) -> list[str]:
    return [f"… {len(found) - _DIFF_LINES} more lines"] if len(found) > _DIFF_LINES else []
