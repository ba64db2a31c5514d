"""Whatever the signature of a function: what is asked of it in JSON arrives as it was meant, or is answered."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypedDict

import jsonschema
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from tests.unit.domain.outputs import Level, Mood, Person, Point
from tests.unit.local.calls import context_of

from llamabot.adapters.local import LocalToolbox, tool
from llamabot.adapters.local.definition import definition_of
from llamabot.adapters.local.results import text_of
from llamabot.ports.schema import decoded
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult
from llamabot.testing import strategies


class Route(TypedDict):
    stops: list[str]


@dataclasses.dataclass
class Trip:
    who: Person
    route: Route


Kind: TypeAlias = tuple[Any, SearchStrategy[Any]]

_texts = strategies.texts(max_size=8)
_whole = st.integers(-(2**63), 2**63 - 1)
_people = st.builds(Person, _texts, _whole, st.none() | _texts)
_routes: SearchStrategy[Any] = st.fixed_dictionaries({"stops": st.lists(_texts, max_size=2)})
_SIMPLE: list[Kind] = [
    (str, _texts),
    (int, _whole),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (Mood, st.sampled_from(Mood)),
    (Level, st.sampled_from(Level)),
    (Person, _people),
    (Point, st.builds(Point, st.just(1.5), st.just(-2.0))),
    (Route, _routes),
    (Trip, st.builds(Trip, _people, _routes)),
    (Annotated[int, msgspec.Meta(ge=0, le=9)], st.integers(0, 9)),
    (Annotated[str, "a note"], _texts),
    (Any, strategies.json_values()),
]


def _larger(kind: Kind) -> list[Kind]:
    type_, values = kind
    return [
        kind,
        (list[type_], st.lists(values, max_size=2)),
        (dict[str, type_], st.dictionaries(_texts, values, max_size=2)),
        (type_ | None if type_ is not Any else Any, st.none() | values),
        (tuple[type_, int], st.tuples(values, _whole)),
    ]


KINDS = [larger for kind in _SIMPLE for larger in _larger(kind)]
NAMES = st.sampled_from(["city", "days", "_x", "self", "cls", "name", "type", "ctx", "call", "schema", "A1"])
_OMITTED = object()


@dataclasses.dataclass
class Asked:
    """A function, and a call of it: what was meant, and what is left out."""

    function: Any
    meant: dict[str, Any]
    seen: list[dict[str, Any]]
    kinds: dict[str, Any]

    @property
    def arguments(self) -> str:
        return msgspec.json.encode(self.meant).decode()


@st.composite
def asked(draw: DrawFn) -> Asked:
    """A function with any signature, and values for it; parameters with a default may be left out."""
    kinds = draw(st.dictionaries(NAMES, st.sampled_from(KINDS), max_size=5))
    seen: list[dict[str, Any]] = []

    def function(**given: Any) -> int:
        seen.append(given)
        return len(given)

    parameters, meant = [], {}
    for name, (type_, values) in kinds.items():
        value = draw(values)
        default = draw(st.just(inspect.Parameter.empty) | st.none() | st.just(_OMITTED))
        if default is inspect.Parameter.empty or draw(st.booleans()):
            meant[name] = value
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=type_))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(parameters)))
        kind = draw(st.sampled_from([RunContext, RunContext[int]]))
        parameters.insert(place, inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY, annotation=kind))
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # no stub has it
    return Asked(function, meant, seen, {name: type_ for name, (type_, _) in kinds.items()})


def _ask(function: Any, arguments: str) -> ToolResult:
    return LocalToolbox([function]).call(ToolCall("c", "function", arguments), context_of(7))


@given(asked(), st.booleans())
def test_what_is_meant_arrives(asked: Asked, decorated: bool) -> None:
    """Nothing more arrives either: what was left out is left to the function's own default."""
    result = _ask(tool(asked.function) if decorated else asked.function, asked.arguments)
    assert not result.is_error, result.text
    (seen,) = asked.seen
    context = seen.pop("run", None)
    assert context is None or context.state == 7
    assert seen == asked.meant
    assert {name: type(value) for name, value in seen.items()} == {n: type(v) for n, v in asked.meant.items()}


@given(asked())
def test_the_schema_takes_what_is_taken(asked: Asked) -> None:
    """The schema is read by a library that shares no code with what made it."""
    schema = _tool(asked.function).spec.parameters
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(asked.arguments), schema)
    assert set(schema["properties"]) == set(asked.kinds)
    assert schema["additionalProperties"] is False


@given(asked(), st.data())
def test_what_the_schema_refuses_is_answered_not_raised(asked: Asked, data: st.DataObject) -> None:
    damaged = {**asked.meant, data.draw(NAMES): data.draw(strategies.json_values())}
    for name in data.draw(st.sets(NAMES, max_size=1)):
        damaged.pop(name, None)
    text = msgspec.json.encode(damaged).decode()
    fits = jsonschema.Draft202012Validator(_tool(asked.function).spec.parameters).is_valid(json.loads(text))
    result = _ask(asked.function, text)
    if result.is_error:
        assert not fits or _is_finer_than_a_schema(damaged)
        assert result.text
        assert asked.seen == []
    else:
        assert len(asked.seen) == 1


@given(asked(), st.data(), strategies.broken_texts(max_size=12))
def test_any_text_is_answered(asked: Asked, data: st.DataObject, noise: str) -> None:
    text = asked.arguments
    cut = data.draw(st.integers(0, len(text)))
    for arguments in (noise, text[:cut], text[:cut] + noise + text[cut:], json.dumps(noise)):
        result = _ask(asked.function, arguments)
        result.text.encode()
        assert result.call_id == "c"


@given(
    strategies.json_values() | strategies.broken_texts() | st.binary() | st.floats() | st.complex_numbers() | _people
)
def test_every_value_becomes_a_text_that_utf_8_can_carry(value: Any) -> None:
    text = text_of(value)
    text.encode()
    assert text_of([value]).encode()
    if not isinstance(value, str | complex) or isinstance(value, float | int):
        json.loads(text)


@given(asked(), st.lists(st.sampled_from(["clear", "call", "tools"]), max_size=4))
def test_two_toolboxes_that_share_a_function_do_not_affect_one_another(asked: Asked, deeds: list[str]) -> None:
    function = tool(asked.function)
    one, other = LocalToolbox([function]), LocalToolbox([function])
    before = msgspec.json.encode(other.tools())
    for deed in deeds:
        if deed == "clear":
            _clear(one.tools()[0].spec.parameters)
        elif deed == "call":
            one.call(ToolCall("c", "function", asked.arguments), context_of())
        else:
            one.tools()
    assert msgspec.json.encode(other.tools()) == before
    assert msgspec.json.encode(LocalToolbox([function]).tools()) == before


@given(asked())
def test_what_is_decoded_is_encoded_as_it_was(asked: Asked) -> None:
    arguments = definition_of(asked.function).parameters.arguments
    again = msgspec.structs.asdict(decoded(asked.arguments, arguments))
    assert msgspec.json.encode({name: again[name] for name in asked.meant}).decode() == asked.arguments


def _tool(function: Any) -> Tool:
    return LocalToolbox([function]).tools()[0]


def _clear(schema: Mapping[str, Any]) -> None:
    with contextlib.suppress(KeyError):
        schema["properties"].clear()
    if isinstance(schema, dict):
        schema.clear()


def _is_finer_than_a_schema(given: Mapping[str, Any]) -> bool:
    """Say whether there is a number that JSON schema takes for a whole one, such as 1.0, and our types do not."""
    return any(isinstance(leaf, float) and leaf.is_integer() for leaf in _leaves(given))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list | tuple):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]
