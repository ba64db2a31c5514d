"""What can be a tool, what cannot and why, and what the model is told of it."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import annotated_types
import msgspec
import pydantic
import pytest
from tests.unit.domain.outputs import Address, Mood, Person, Point, Tree
from tests.unit.local.calls import ask, spec_of

import llamabot as lmb
from llamabot.adapters.local.definition import ATTRIBUTE
from llamabot.ports.errors import ToolDefinitionError

if TYPE_CHECKING:
    from somewhere import Unseen  # type: ignore[import-not-found]  # it is not there when the program runs


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


GOOGLE = """Find flights.

    Looks at every airline.

    Args:
        city: where to, in
            words.
        days (int): how many.

    Returns:
        nothing of use
    """
NUMPY = """Find flights.

    Looks at every airline.

    Parameters
    ----------
    city : str
        where to, in
        words.
    days : int
        how many.
    """
REST = """Find flights.

    Looks at every airline.

    :param city: where to, in
        words.
    :param int days: how many.
    :returns: nothing of use
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_a_docstring_describes_the_tool_and_its_parameters(docstring: str) -> None:
    def find(city: str, days: int, nights: Annotated[int, "at most"] = 2) -> str:
        return city

    find.__doc__ = docstring
    spec = spec_of(find)
    shown = {name: shown.get("description") for name, shown in spec.parameters["properties"].items()}
    assert spec.description == "Find flights.\n\nLooks at every airline."
    assert shown == {"city": "where to, in\nwords.", "days": "how many.", "nights": "at most"}


def test_an_annotation_describes_a_parameter_before_the_docstring() -> None:
    def find(city: Annotated[str, "an airport"]) -> str:
        """Find flights.

        Args:
            city: where to.
        """
        return city

    assert spec_of(find).parameters["properties"]["city"]["description"] == "an airport"
    assert spec_of(lmb.tool(find, description="Flights.")).description == "Flights."


def test_an_alternative_may_be_described() -> None:
    def find(city: Annotated[str, "an airport"] | None = None) -> str:
        return city or ""

    assert spec_of(find).parameters["properties"]["city"]["description"] == "an airport"


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


class Counter:
    def __init__(self) -> None:
        self.count = 0

    @lmb.tool(name="step")
    def up(self, by: int = 1) -> int:
        self.count += by
        return self.count

    def down(self, by: int) -> int:
        self.count -= by
        return self.count


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


def no_type(city) -> None: ...  # type: ignore[no-untyped-def]  # that is the mistake
def many(*cities: str) -> None: ...
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


def fine(x: int) -> int:
    return x


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


def test_a_tool_is_not_changed_behind_those_who_have_it() -> None:
    def count(x: int) -> int:
        return x

    lmb.tool(count, name="count_it")
    lmb.tool(count, name="count_it")
    with pytest.raises(ToolDefinitionError, match="other options"):
        lmb.tool(count, name="another")
    with pytest.raises(ToolDefinitionError, match="in its class"):
        lmb.tool(Counter().down)


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


def test_bounds_of_pydantic_and_texts_reach_the_schema_wherever_they_stand_and_hold() -> None:
    """They stand at a parameter, within a type, at one of several alternatives, and at the fields of classes."""

    def visit(
        age: Annotated[int, pydantic.Field(ge=0, lt=200, description="in years")],
        codes: list[Annotated[str, annotated_types.MaxLen(3), "a code"]],
        ratio: dict[str, Annotated[float, annotated_types.Interval(gt=0, le=1)] | None],
        word: Annotated[str, pydantic.StringConstraints(pattern="^a+$")] | None = None,
    ) -> int:
        """Visit."""
        return age

    shown = spec_of(visit).parameters["properties"]
    assert shown["age"] == {"type": "integer", "minimum": 0, "exclusiveMaximum": 200, "description": "in years"}
    assert shown["codes"]["items"] == {"type": "string", "maxLength": 3, "description": "a code"}
    numbers = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    assert shown["ratio"]["additionalProperties"]["anyOf"] == [numbers, {"type": "null"}]
    assert shown["word"]["anyOf"][0] == {"type": "string", "pattern": "^a+$"}
    for wrong in ('"age": -1', '"codes": ["abcd"]', '"ratio": {"x": 0}', '"word": "b"'):
        fine = {"age": 1, "codes": ["a"], "ratio": {"x": 1}, "word": "aa"}
        arguments = json.dumps({**fine, **json.loads(f"{{{wrong}}}")})
        assert ask(visit, arguments).is_error
        assert ask(visit, json.dumps(fine)).text == "1"


class Street(msgspec.Struct, rename="camel"):
    house_number: Annotated[int, "of the house"]


@dataclasses.dataclass
class Home:
    city: Annotated[str, "where it is"]
    streets: list[Street]


class Trip(TypedDict):
    home: NotRequired[Annotated[Home, "where it begins"]]
    days: Annotated[int | None, "how long", msgspec.Meta(description="in days")]


def test_texts_at_the_fields_of_classes_reach_the_schema() -> None:
    def plan(trip: Trip) -> None:
        """Plan."""

    definitions = spec_of(plan).parameters["$defs"]
    assert definitions["Street"]["properties"]["houseNumber"]["description"] == "of the house"
    assert definitions["Home"]["properties"]["city"]["description"] == "where it is"
    assert definitions["Trip"]["properties"]["home"]["description"] == "where it begins"
    assert definitions["Trip"]["properties"]["days"]["description"] == "in days"
