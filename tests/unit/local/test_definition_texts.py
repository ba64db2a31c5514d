"""What describes a tool and its parameters: docstrings, annotations, fields of classes."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, NotRequired, TypedDict

import annotated_types
import msgspec
import pydantic
import pytest
from tests.unit.local.calls import ask, spec_of

import llamabot as lmb

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
