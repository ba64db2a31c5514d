"""mutmut's changes as values, put into living functions."""

from __future__ import annotations

from pathlib import Path
from types import FunctionType

import pytest
from mutation.__main__ import _trials
from mutation.changes import Change, changes
from mutation.trials import put_in

TEXT = '''\
"""Two functions."""

LIMIT = 3


def is_over(number):
    """Tell."""
    return number > LIMIT


class Counter:
    first: int = 1

    def count(self, step, *, times=2):
        total = (
            self.first
            + step
        )
        return total
'''


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Change]:
    (tmp_path / "src").mkdir()  # mutmut wants one where it stands
    (tmp_path / "two.py").write_text(TEXT)
    return {change.new: change for change in changes(tmp_path, "two.py")}


def test_a_change_tells_its_function_and_its_lines(found: dict[str, Change]) -> None:
    change = found["return number >= LIMIT"]
    assert (change.function, change.first_line, change.lines) == ("is_over", 6, (8,))
    assert change.old == "return number > LIMIT"
    assert change.text == TEXT.replace(">", ">=")
    assert change.around == (), "its line has code of its own: no other line tells who runs it"


def test_only_functions_are_changed(found: dict[str, Change]) -> None:
    assert {change.function for change in found.values()} == {"is_over", "Counter.count"}


def test_no_two_changes_share_a_key(found: dict[str, Change]) -> None:
    assert len({change.key for change in found.values()}) == len(found)


def test_a_default_is_put_in_too(found: dict[str, Change], tmp_path: Path) -> None:
    place = tmp_path / "two.py"
    names: dict[str, type] = {}
    exec(compile(TEXT, str(place), "exec"), names)  # noqa: S102  (a module without a file)
    function = names["Counter"].count
    change = found["def count(self, step, *, times=3):"]
    assert change.around == (15, 16, 17, 18, 19), "what its body runs"
    put_in(change, {(str(place), "Counter.count", 14): [function]}, tmp_path)
    assert function.__kwdefaults__ == {"times": 3}


def test_a_living_function_does_what_the_change_says(found: dict[str, Change], tmp_path: Path) -> None:
    place = tmp_path / "two.py"
    names: dict[str, FunctionType] = {}
    exec(compile(TEXT, str(place), "exec"), names)  # noqa: S102  (a module without a file)
    function = names["is_over"]
    assert not function(3)
    change = found["return number >= LIMIT"]
    put_in(change, {(str(place), "is_over", 6): [function]}, tmp_path)
    assert function(3)


def test_a_signature_is_tried_on_the_tests_of_its_function_whoever_loaded_the_module() -> None:
    change = Change("two.py", "count", 1, lines=(2,), around=(4,), old="k=5", new="k=6", text="")
    lines = {"two.py": {"2": ["loads"], "4": ["counts"]}}
    (trial,) = _trials([change], {"lines": lines, "seconds": {"loads": 0.1, "counts": 0.2}})
    assert [name for name, _ in trial.tests] == ["loads", "counts"]
