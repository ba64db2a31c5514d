"""What an output is called, how strictly it may be asked for, and what a model is told that misses it."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import msgspec
import pytest

from llamabot.domain.output import OutputRejected, SchemaOutput, output_of
from llamabot.ports.errors import ConfigurationError


class Person(msgspec.Struct):
    name: str


class Ünïcode(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Loose:
    """Anything may be in it."""

    things: dict[str, Any]


Long: Any = dataclasses.make_dataclass("L" * 65, [("a", int)])


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (Person, "Person"),
        (list[Person], "list_Person"),
        (dict[str, Person], "dict_str_Person"),
        (Person | None, "Person_None"),
        (int, "int"),
        (Literal["a"], "Literal_a"),
        (Ünïcode, "n_code"),
        (Long, "L" * 64),
    ],
    ids=str,
)
def test_a_name_is_one_that_providers_take(type_: Any, name: str) -> None:
    assert output_of(type_).schema.name == name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Order", "Order"),
        ("an order, please!", "an_order_please"),
        ("_a-b_", "a-b"),
        ("x" * 65, "x" * 64),
        ("!", "Answer"),
    ],
)
def test_a_schema_of_ones_own_is_called_what_it_is_named(given: str, name: str) -> None:
    assert SchemaOutput({"type": "object", "properties": {}}, lambda _: None, name=given).schema.name == name
    assert SchemaOutput({"type": "object", "properties": {}}, lambda _: None).schema.name == "Answer"


def test_only_a_closed_schema_is_asked_for_strictly() -> None:
    assert output_of(Loose).schema.strict is False
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert SchemaOutput(closed, lambda _: None).schema.strict is True
    assert SchemaOutput({**closed, "required": []}, lambda _: None).schema.strict is False


def test_what_is_no_object_is_wrapped_and_nothing_else_may_be_beside_it() -> None:
    wrapped = output_of(list[int])
    assert wrapped.schema.schema["properties"].keys() == {"value"}
    assert wrapped.schema.schema["additionalProperties"] is False
    assert wrapped.schema.schema["title"] == "Answer"
    assert wrapped.decode('{"value": [1]}') == wrapped.decode("[1]") == [1]
    with pytest.raises(OutputRejected):
        wrapped.decode('{"value": [1], "more": 2}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the answer is empty"),
        ('{"name": ', "malformed JSON: Input data was truncated"),
        ("[" * 100_000, "the JSON is nested too deeply"),
    ],
    ids=["empty", "cut", "deep"],
)
def test_a_model_is_told_what_is_wrong_with_its_text(text: str, said: str) -> None:
    with pytest.raises(OutputRejected) as rejected:
        output_of(Person).decode(text)
    assert str(rejected.value) == said


def test_malformed_json_says_where_and_says_it_once() -> None:
    with pytest.raises(OutputRejected) as rejected:
        output_of(Person).decode('{"name" "Ana"}')
    assert str(rejected.value).startswith("malformed JSON: ")
    assert "JSON is malformed" not in str(rejected.value)


def test_a_type_without_a_schema_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError) as refused:
        output_of(object)
    told = str(refused.value)
    assert told.startswith("output=<class 'object'> has no JSON schema: ")
    kinds = "a msgspec Struct, a dataclass, a TypedDict, a pydantic model, or lists, dicts, Literals, enums and scalars"
    assert told.endswith(f". Use {kinds}")
    assert ".. Use" not in told
