"""A contract run without pytest's command: its tests one after the other, each with its own folder."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import pytest

from llamabot.testing.contracts.contract import Contract, standard_tests

__all__ = ["Failure", "failures"]


class Failure(NamedTuple):
    """A promise that is not kept.

    Attributes:
        test: its name.
        error: what it raised.
    """

    test: str
    error: BaseException


def failures(suite: type[Contract], fixtures: Mapping[str, Any], first: str = "") -> Iterator[Failure]:
    """Run the standard tests of a contract and yield those that fail: the longest searches come last.

    Args:
        fixtures: of pytest, for the tests that ask for them.
        first: the name of a test to run before the others.
    """
    for name in sorted(standard_tests(suite), key=lambda name: (name != first, "agrees_with" in name)):
        error = _first_error(suite, name, fixtures)
        if error is not None:
            yield Failure(name, error)


def _first_error(suite: type[Contract], name: str, fixtures: Mapping[str, Any]) -> BaseException | None:
    test = getattr(suite, name)
    marks = list(getattr(test, "pytestmark", ()))
    if any(mark.name == "skip" for mark in marks):
        return None
    for arguments in _parametrized(marks):
        asked = inspect.signature(test).parameters
        arguments.update({fixture: value for fixture, value in fixtures.items() if fixture in asked})
        try:
            test(suite(), **arguments)
        except (Exception, pytest.fail.Exception) as error:
            return error
    return None


def _parametrized(marks: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the arguments that the marks of a test say."""
    lists = [_arguments(*mark.args[:2]) for mark in marks if mark.name == "parametrize"]
    for chosen in product(*lists):
        yield {name: value for part in chosen for name, value in part.items()}


def _arguments(names: str | tuple[str, ...], values: Any) -> list[dict[str, Any]]:
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    plain = [getattr(value, "values", value) if type(value).__name__ == "ParameterSet" else value for value in values]
    if isinstance(names, str) and len(split) == 1:
        return [{split[0]: value} for value in plain]
    return [dict(zip(split, value, strict=True)) for value in plain]
