"""What the tests keep to: each is judged by itself, and none is left out in silence."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project import ROOT, name_of, python_files, tree

ALONE = """
import logging, os
from pathlib import Path
def test_is_the_first_to_import():
    import llamabot
def test_leaves_a_handler():
    logging.getLogger("llamabot").addHandler(logging.StreamHandler())
def test_leaves_files():
    Path("here").touch()
    Path.home().joinpath("there").touch()
def test_stands_in_an_empty_folder():
    assert os.listdir() == os.listdir(Path.home()) == []
"""
LEAVING_OUT = {"importorskip", "skip", "skipif", "xfail"}
_SOME = re.compile("|".join(LEAVING_OUT))  # most files hold none of these words, and need not be parsed


@pytest.mark.slow
def test_each_test_is_judged_by_itself(tmp_path: Path) -> None:
    (tmp_path / "test_alone.py").write_text(ALONE)
    rules = ["--config-file", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest"]
    command = [sys.executable, "-m", "pytest", *rules, "-p", "no:cacheprovider", str(tmp_path / "test_alone.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "the test left the logger changed" in done.stdout
    assert "4 passed, 1 error" in done.stdout, done.stdout


def test_a_test_that_is_left_out_says_why() -> None:
    paths = [path for path in python_files("tests") if _SOME.search(path.read_text(encoding="utf-8"))]
    left_out = [(path, *place) for path in paths for place in _leaving_out(tree(path))]
    assert left_out
    assert [f"{name_of(path)}:{line}" for path, line, call in left_out if not _has_reason(call)] == []


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("skip('because')", False),
        ("skip(reason='because')", True),
        ("mark.skipif(True)", False),
        ("mark.xfail", False),
        ("mark.xfail(reason='a bug')", True),
    ],
)
@pytest.mark.parametrize("code", ["pytest.{}", "@pytest.{}\ndef test(): ..."], ids=["called", "a decorator"])
def test_tells_a_test_that_says_why_from_one_that_does_not(code: str, left_out: str, said: bool) -> None:
    assert [_has_reason(call) for _, call in _leaving_out(ast.parse(code.format(left_out)))] == [said]


def _leaving_out(module: ast.Module) -> list[tuple[int, ast.Call | None]]:
    """Return the places where a test is left out, each with its call, or None where nothing is called."""
    calls = {id(node.func): node for node in ast.walk(module) if isinstance(node, ast.Call)}
    return [
        (node.lineno, calls.get(id(node)))
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in LEAVING_OUT and _is_of_pytest(node)
    ]


def _is_of_pytest(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "pytest"


def _has_reason(call: ast.Call | None) -> bool:
    return call is not None and any(keyword.arg == "reason" for keyword in call.keywords)
