"""What `help` shows of a method that takes the keys of a `TypedDict`: each by its name, as it was written."""

from __future__ import annotations

import inspect
from typing import Any, TypedDict

from llamabot.domain.arguments import shows


class Base(TypedDict, total=False):
    """Of every oven.

    Attributes:
        heat: in degrees.
    """

    heat: float


class Oven(Base, total=False):
    """Of this one.

    Attributes:
        light: whether it is on.
    """

    light: bool | None


class Undescribed(TypedDict):
    size: int


def bake(bread: str, *more: str, **settings: Any) -> None:
    """Bake bread."""


def test_shows_each_key_as_a_keyword_that_may_be_left_out() -> None:
    shown = inspect.signature(shows(Oven, Base)(lambda bread, *more, **settings: None))
    assert [*shown.parameters] == ["bread", "more", "heat", "light"]
    assert [parameter.default for parameter in shown.parameters.values()][2:] == [..., ...]
    assert [parameter.kind.name for parameter in shown.parameters.values()][2:] == ["KEYWORD_ONLY"] * 2
    annotations = [parameter.annotation for parameter in shown.parameters.values()][2:]
    assert annotations == ["float", "bool | None"], "as they were written"


def test_keeps_what_a_function_says_and_adds_what_its_keys_are() -> None:
    shown = shows(Oven, Base)(bake)
    assert shown is bake
    said = ["Bake bread.", "", "Keywords:", "    light: whether it is on.", "    heat: in degrees."]
    assert (inspect.getdoc(bake) or "").splitlines() == said


def test_shows_keys_that_nobody_describes() -> None:
    def heat(**settings: Any) -> None: ...

    assert shows(Undescribed)(heat).__doc__ == "\n\nKeywords:\n"
    assert list(inspect.signature(heat).parameters) == ["size"]


def test_shows_annotations_that_are_no_text() -> None:
    def heat(**settings: Any) -> None: ...

    shows(TypedDict("Made", {"size": int}))(heat)
    assert inspect.signature(heat).parameters["size"].annotation is int
