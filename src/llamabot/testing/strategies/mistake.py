"""JSON text with one mistake, as models make them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.testing.strategies.drawing import drawn
from llamabot.testing.strategies.fitting import valid_values
from llamabot.testing.strategies.reading import Schema, fits

__all__ = ["nearly_valid_json"]

Path: TypeAlias = tuple[str | int, ...]
_LEAVE_OUT = object()


def nearly_valid_json(schema: Schema) -> SearchStrategy[str]:
    """JSON text of a value that fits the schema, with one thing wrong.

    In the value: a property left out or added, null, a wrong type, a number as text, a number far away, a text that is
    long. Around it: the text cut, fenced as Markdown, followed by another, preceded by words, in single quotes. No text
    fits all the same; of a format alone it is not said that it is wrong.
    """
    return drawn(_nearly_valid, valid_values(schema), fits(schema))


def _nearly_valid(draw: DrawFn, values: SearchStrategy[Any], fitting: Callable[[Any], bool]) -> str:
    text = _mistaken(draw, draw(values))
    return _fenced(text) if _is_valid(text, fitting) else text  # the schema is wide: what was changed fits too


def _mistaken(draw: DrawFn, value: Any) -> str:
    if draw(st.booleans()):
        return draw(st.sampled_from(_SLIPS))(json.dumps(value))
    path = draw(st.sampled_from(list(_paths(value))))
    return json.dumps(_changed(value, path, draw(_replacements(_at(value, path)))))


def _is_valid(text: str, fitting: Callable[[Any], bool]) -> bool:
    try:
        return fitting(json.loads(text))
    except ValueError:
        return False


def _fenced(text: str) -> str:
    return f"```json\n{text}\n```"


def _replacements(value: Any) -> SearchStrategy[Any]:
    """What may stand in the place of a value by mistake."""
    match value:
        case bool() | None:
            wrong: list[Any] = [str(value).lower(), 0, _LEAVE_OUT]
        case int() | float():
            wrong = [str(value), -value - 1, value + 10**6, value + 0.5, None, [value], _LEAVE_OUT]
        case str():
            wrong = [None, 7, [value], {"value": value}, value + "?", "", "x" * 300, _LEAVE_OUT]
        case list():
            wrong = [None, "", {}, [*value, None], value * 40, _LEAVE_OUT]
        case _:
            wrong = [None, [], json.dumps(value), {**value, "unasked": 1}, {}, _LEAVE_OUT]
    return st.sampled_from(wrong)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield from _paths(item, (*path, step))


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _changed(value: Any, path: Path, replacement: Any) -> Any:
    if not path:
        return None if replacement is _LEAVE_OUT else replacement
    changed = copy.deepcopy(value)
    holder = _at(changed, path[:-1])
    if replacement is _LEAVE_OUT:
        del holder[path[-1]]
    else:
        holder[path[-1]] = replacement
    return changed


_SLIPS: list[Callable[[str], str]] = [
    lambda text: text[: len(text) // 2],
    lambda text: text[:-1],
    _fenced,
    lambda text: f"{text}\n{text}",
    lambda text: f"Here it is: {text}",
    lambda text: text.replace('"', "'"),
    lambda text: text.replace("}", ",}"),
    lambda _: "",
]
