"""What can be a tool, and what the model is told of it."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from tests.unit.domain.outputs import Address, Mood, Person, Point, Tree
from tests.unit.local.calls import ask, spec_of
from tests.unit.local.functions import Counter

import llamabot as lmb
from llamabot.ports.errors import ToolDefinitionError

if TYPE_CHECKING:
    pass  # type: ignore[import-not-found]  # it is not there when the program runs


class Route(TypedDict):
    stops: list[str]


def every_kind(
    names: list[str],
    counts: dict[str, int],
    mode: Literal["fast", "slow"],
    mood: Mood,
    either: int | str,
    maybe: float | None,
    person: Person,
    tree: Tree,
    point: Point,
    route: Route,
    address: Address,
    age: Annotated[int, msgspec.Meta(ge=0, description="in years")],
    note: Annotated[str, "what to remember"],
    limit: int = 5,
    where: Point = Point(1.0),  # noqa: B008 - a default that has a JSON form
    how: Any = object,
) -> str:
    return ""


def test_every_type_reaches_the_schema() -> None:
    schema = spec_of(every_kind).parameters
    shown = schema["properties"]
    assert shown["names"] == {"type": "array", "items": {"type": "string"}}
    assert shown["counts"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert shown["mode"] == {"enum": ["fast", "slow"]}
    assert shown["age"] == {"type": "integer", "minimum": 0, "description": "in years"}
    assert shown["note"] == {"type": "string", "description": "what to remember"}
    assert shown["limit"] == {"type": "integer", "default": 5}
    assert shown["where"]["default"] == {"x": 1.0, "y": 0.0}
    assert "default" not in shown["how"]
    assert set(schema["$defs"]) == {"Mood", "Person", "Tree", "Point", "Route"}
    assert shown["address"]["required"] == ["street"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == [name for name in shown if name not in ("limit", "where", "how")]


def test_a_tool_is_the_function_itself() -> None:
    def double(number: int) -> int:
        return number * 2

    assert lmb.tool(double) is double
    assert lmb.tool()(double) is double
    assert double(4) == 8


def test_options_reach_the_tool() -> None:
    @lmb.tool(name="buy", terminal=True, timeout_s=3, needs_approval=True, idempotent=False, sequential=True)
    async def purchase(item: str) -> str:
        return item

    (tool,) = lmb.LocalToolbox([purchase]).tools()
    assert tool == lmb.Tool(tool.spec, True, True, False, True, 3, "async")
    assert tool.name == "buy"


def test_a_run_context_is_injected_wherever_it_stands_and_never_shown() -> None:
    def first(run: lmb.RunContext[dict[str, int]], name: str) -> int:
        return run.state[name]

    def last(name: str, *, ctx: lmb.RunContext) -> int:  # type: ignore[type-arg]  # as people write it
        return int(ctx.state[name])

    for function in (first, last):
        assert list(spec_of(function).parameters["properties"]) == ["name"]
        assert ask(function, '{"name": "a"}', {"a": 7}).text == "7"
        assert ask(function, '{"name": "a", "run": 1}').is_error


def test_a_method_is_a_tool_of_its_object() -> None:
    one, other = Counter(), Counter()
    assert list(spec_of(one.up).parameters["properties"]) == ["by"]
    assert [ask(one.up, '{"by": 3}').text, ask(one.up).text, ask(other.up).text] == ["3", "4", "1"]
    assert ask(one.down, '{"by": 4}').text == "0"


def test_a_wrapper_of_a_tool_is_what_runs() -> None:
    @lmb.tool
    async def slow(number: int) -> int:
        return number

    @functools.wraps(slow)
    def quick(number: int) -> int:
        return -number

    (tool,) = lmb.LocalToolbox([quick]).tools()
    assert (tool.colour, ask(quick, '{"number": 2}').text) == ("sync", "-2")


def test_a_default_of_none_says_that_none_may_be_given() -> None:
    def find(city: str = None) -> str:  # type: ignore[assignment]  # noqa: RUF013 - as people write it
        return repr(city)

    assert ask(find, '{"city": null}').text == "None"


def test_a_default_is_the_functions_own() -> None:
    kept: list[int] = [1]

    def show(numbers: list[int] = kept) -> bool:
        return numbers is kept

    assert spec_of(show).parameters["properties"]["numbers"]["default"] == [1]
    assert ask(show).text == "true"


def test_a_tool_is_not_changed_behind_those_who_have_it() -> None:
    def count(x: int) -> int:
        return x

    lmb.tool(count, name="count_it")
    lmb.tool(count, name="count_it")
    with pytest.raises(ToolDefinitionError, match="other options"):
        lmb.tool(count, name="another")
    with pytest.raises(ToolDefinitionError, match="in its class"):
        lmb.tool(Counter().down)


def test_a_decoration_loads_no_parser_of_docstrings() -> None:
    code = """
import sys, llamabot as lmb
@lmb.tool
def f(x: int):
    '''Do it.

    Args:
        x: what.
    '''
box = lmb.LocalToolbox([f])
print('docstring_parser' in sys.modules, 'pydantic' in sys.modules, 'dependency_injector' in sys.modules)
box.tools()
print('docstring_parser' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False", "True"]
