"""What cannot be a tool, and why."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import annotated_types
import pydantic
import pytest
from tests.unit.domain.outputs import Person
from tests.unit.local.functions import Counter, fine, many

import llamabot as lmb
from llamabot.adapters.local.definition import ATTRIBUTE
from llamabot.ports.errors import ToolDefinitionError

if TYPE_CHECKING:
    from somewhere import Unseen  # type: ignore[import-not-found]  # it is not there when the program runs


def no_type(city) -> None: ...  # type: ignore[no-untyped-def]  # that is the mistake
def any_names(**cities: str) -> None: ...
def by_place(city: str, /) -> None: ...
def no_schema(city: str, value: complex) -> None: ...
def called(call: Callable[[], int]) -> None: ...
def unseen(value: Unseen) -> None: ...
def unclear(ctx: lmb.RunContext[int] | None) -> None: ...
def foreign(age: Annotated[int, annotated_types.Predicate(bool)]) -> None: ...
def foreign_inside(age: dict[str, list[Annotated[int, annotated_types.Predicate(bool)]]]) -> None: ...
def foreign_default(age: Annotated[int, pydantic.Field(3, ge=0)]) -> None: ...
def foreign_wrong(age: Annotated[int, annotated_types.Ge("old")]) -> None: ...


class Bounded(TypedDict):
    age: Annotated[int, pydantic.Field(ge=0)] | None


def foreign_field(value: list[Bounded]) -> None: ...
def größe(x: int) -> None: ...
def other_script(größe: int) -> None: ...


def counting() -> Iterator[int]:
    yield 1


async def streaming() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (no_type, ["'city'", "city: str"]),
        (many, ["'cities'", "list[str]"]),
        (any_names, ["'cities'", "dict[str"]),
        (by_place, ["'city'", "take the / away"]),
        (no_schema, ["'value'", "complex", "RunContext.state"]),
        (called, ["'call'", "no JSON schema"]),
        (unseen, ["'value'", "Unseen", "top level"]),
        (unclear, ["'ctx'", "RunContext alone"]),
        (foreign, ["'age'", "msgspec.Meta(ge=0"]),
        (foreign_inside, ["'age'", "msgspec.Meta(ge=0"]),
        (foreign_default, ["'age'", "overlooked"]),
        (foreign_wrong, ["'age'", "no schema shows"]),
        (foreign_field, ["Bounded.age", "msgspec.Meta"]),
        (größe, ["größe", "name=…"]),
        (other_script, ["'größe'", "a-z"]),
        (counting, ["counting", "list"]),
        (streaming, ["streaming", "list"]),
        (lambda: 1, ["lambda", "def"]),
        (functools.partial(fine, 1), ["def around it"]),
        (Person, ["def around it"]),
        (staticmethod(fine), ["below @staticmethod"]),
        (5, ["def around it"]),
    ],
)
def test_what_cannot_be_a_tool_says_why_when_it_is_decorated(function: Any, told: list[str]) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        lmb.tool(function)
    for words in told:
        assert words in str(caught.value)
    assert not hasattr(function, ATTRIBUTE)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": 3}, "timeout_s="),
        ({"timeout_s": 0}, "above 0"),
        ({"timeout_s": True}, "above 0"),
        ({"timeout_s": float("nan")}, "above 0"),
        ({"name": "a b"}, "a-z"),
        ({"name": ""}, "a-z"),
        ({"name": "x" * 65}, "64"),
        ({"name": "x\n"}, "a-z"),
        ({"description": 5}, "text"),
        ({"terminal": "yes"}, "True or False"),
        ({"colour": "sync"}, "there are name, "),
    ],
)
def test_a_wrong_option_says_what_is_right(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ToolDefinitionError, match=told):
        lmb.tool(**options)(fine)


@pytest.mark.parametrize(
    ("functions", "told"),
    [
        ([fine, fine], "two tools are named 'fine'"),
        ([Counter.up], "is a method"),
        (fine, r"put \[ \] around it"),
        ([no_type], "'city'"),
        ([5], "def around it"),
    ],
)
def test_a_toolbox_refuses_what_it_could_not_run(functions: Any, told: str) -> None:
    with pytest.raises(ToolDefinitionError, match=told):
        lmb.LocalToolbox(functions)
