"""What becomes of changes, each tried in a fork of a process that collected the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project import ROOT

pytestmark = pytest.mark.slow

MODULE = """\
def above(a, b):
    return a > b


def countdown(n):
    while n > 0:
        n -= 1
    return n
"""
SUITE = """\
import gc
from tiny import above, countdown

gc.freeze()  # as a conftest may do with what was collected

def test_first_of_all():
    assert countdown(0) == 0

def test_three_is_above_two():
    assert above(3, 2)

def test_counts_down():
    assert countdown(3) == 0
"""
DRIVER = """
import json, sys
from pathlib import Path
import pytest
from mutation.changes import changes
from mutation.trials import Trial, Trials
sys.path.insert(0, "src")
found = {change.new: change for change in changes(Path.cwd(), "src/tiny.py")}
names = ("test_first_of_all", "test_three_is_above_two", "test_counts_down")
tests = [(f"test_tiny.py::{name}", 1.0) for name in names]
trials = [Trial(found[new], tests if reached else []) for new, reached in json.loads(sys.argv[1])]
told = []
plugin = Trials(trials, 2, lambda verdict: told.append([verdict.change.new, verdict.outcome, verdict.by]), Path.cwd())
pytest.main(["-q", "-s", "--rootdir=.", "-p", "no:cacheprovider", "test_tiny.py"], plugins=[plugin])
Path("told.json").write_text(json.dumps(told))
"""


def test_a_change_is_killed_by_the_test_that_fails_or_never_ends(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "tiny.py").write_text(MODULE)
    (tmp_path / "test_tiny.py").write_text(SUITE)
    asked = [["return a >= b", True], ["n -= 2", False], ["n += 1", True], ["while n > 1:", True]]
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{DRIVER}", json.dumps(asked)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    told = {new: (outcome, by) for new, outcome, by in json.loads((tmp_path / "told.json").read_text())}
    assert told == {
        "return a >= b": ("lived", ""),
        "n -= 2": ("unreached", ""),
        "n += 1": ("killed", "test_tiny.py::test_counts_down"),
        "while n > 1:": ("killed", "test_tiny.py::test_counts_down"),
    }, done.stderr
