"""Output types of every kind there is, each with what a model writes for it and the value that it stands for."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import msgspec
import pydantic

__all__ = ["KINDS", "Address", "Mood", "Person", "Pet", "Tree"]


class Person(msgspec.Struct):
    name: str
    age: int
    nickname: str | None = None


class Tree(msgspec.Struct):
    label: str
    branches: list[Tree] = []


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    good: bool


class Checked(msgspec.Struct):
    age: Annotated[int, msgspec.Meta(ge=0, le=150)]
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")]


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Place(TypedDict):
    city: str
    country: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Address(pydantic.BaseModel):
    street: str
    number: int = 1


class Pet(pydantic.BaseModel):
    name: str
    home: Address
    friends: list[Pet] = []


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Household(msgspec.Struct):
    """A Struct with pydantic models inside."""

    head: Pet
    addresses: dict[str, Address]
    guest: Address | None = None


_HOME = Address(street="Ring", number=3)
_REX = Pet(name="Rex", home=_HOME)

# the type, what is written for it, the value
KINDS: dict[str, tuple[Any, str, Any]] = {
    "struct": (Person, '{"name": "Ada", "age": 36}', Person("Ada", 36)),
    "recursive struct": (
        Tree,
        '{"label": "a", "branches": [{"label": "b", "branches": []}]}',
        Tree("a", [Tree("b")]),
    ),
    "constrained struct": (Checked, '{"age": 3, "code": "abc"}', Checked(3, "abc")),
    "dataclass": (Point, '{"x": 1.5}', Point(1.5)),
    "typed dict": (Place, '{"city": "Rome"}', {"city": "Rome"}),
    "named tuple": (Pair, '{"value": [1, "a"]}', Pair(1, "a")),
    "tagged union": (Cat | Dog, '{"value": {"type": "Dog", "good": true}}', Dog(True)),
    "optional struct": (Person | None, '{"value": null}', None),
    "list of structs": (list[Person], '{"value": [{"name": "Ada", "age": 36}]}', [Person("Ada", 36)]),
    "list of recursive structs": (list[Tree], '{"value": [{"label": "a"}]}', [Tree("a")]),
    "dict": (dict[str, int], '{"a": 1}', {"a": 1}),
    "tuple": (tuple[int, str], '{"value": [1, "a"]}', (1, "a")),
    "set": (set[int], '{"value": [1, 2]}', {1, 2}),
    "literal": (Literal["a", "b"], '{"value": "b"}', "b"),
    "literal of numbers": (Literal[1, 2], '{"value": 2}', 2),
    "enum": (Mood, '{"value": "good"}', Mood.GOOD),
    "enum of numbers": (Level, '{"value": 2}', Level.HIGH),
    "text": (str, '{"value": "a ```b``` \\n"}', "a ```b``` \n"),
    "whole number": (int, '{"value": -3}', -3),
    "number": (float, '{"value": 2.5}', 2.5),
    "truth": (bool, '{"value": false}', False),
    "union of scalars": (int | str, '{"value": "a"}', "a"),
    "annotated": (Annotated[int, msgspec.Meta(gt=0)], '{"value": 1}', 1),
    "date": (datetime.date, '{"value": "2026-11-22"}', datetime.date(2026, 11, 22)),
    "uuid": (uuid.UUID, '{"value": "00000000-0000-0000-0000-000000000001"}', uuid.UUID(int=1)),
    "decimal": (Decimal, '{"value": "1.10"}', Decimal("1.10")),
    "anything": (Any, '{"value": [1, null]}', [1, None]),
    "pydantic": (Address, '{"street": "Ring", "number": 3}', _HOME),
    "recursive pydantic": (Pet, '{"name": "Rex", "home": {"street": "Ring", "number": 3}}', _REX),
    "pydantic root": (Numbers, '{"value": [1, 2]}', Numbers([1, 2])),
    "list of pydantic": (list[Address], '{"value": [{"street": "Ring", "number": 3}]}', [_HOME]),
    "dict of pydantic": (
        dict[str, Pet],
        '{"a": {"name": "Rex", "home": {"street": "Ring", "number": 3}}}',
        {"a": _REX},
    ),
    "optional pydantic": (Address | None, '{"value": {"street": "Ring", "number": 3}}', _HOME),
    "pydantic in a struct": (
        Household,
        '{"head": {"name": "Rex", "home": {"street": "Ring"}}, "addresses": {"work": {"street": "Ring"}}}',
        Household(Pet(name="Rex", home=Address(street="Ring")), {"work": Address(street="Ring")}),
    ),
}
