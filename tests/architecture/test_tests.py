"""What the tests keep to: each is judged by itself, and none is left out in silence."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project import ROOT, name_of, python_files, tree

FIRST_TO_IMPORT = "def test_imports():\n    import llamabot\n"
LEAVES_A_HANDLER = """
import logging
def test_leaves():
    logging.getLogger("llamabot").addHandler(logging.StreamHandler())
"""
LEAVING_OUT = {"importorskip", "skip", "skipif", "xfail"}


def _run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run a test by itself, in a process of its own, under the same rules as all."""
    (folder / "test_alone.py").write_text(test)
    rules = ["--config-file", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest"]
    command = [sys.executable, "-m", "pytest", *rules, "-p", "no:cacheprovider", str(folder / "test_alone.py")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_test_may_be_the_first_to_import_the_library(tmp_path: Path) -> None:
    done = _run(tmp_path, FIRST_TO_IMPORT)
    assert done.returncode == 0, done.stdout


def test_a_test_that_leaves_a_handler_on_the_logger_fails(tmp_path: Path) -> None:
    done = _run(tmp_path, LEAVES_A_HANDLER)
    assert done.returncode == 1
    assert "the test left the logger changed" in done.stdout


@pytest.mark.parametrize("path", python_files("tests"), ids=name_of)
def test_a_test_that_is_left_out_says_why(path: Path) -> None:
    assert [line for line, call in _leaving_out(tree(path)) if not _has_reason(call)] == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("pytest.skip('because')", False),
        ("pytest.skip(reason='because')", True),
        ("pytest.mark.skipif(True)", False),
        ("pytest.mark.xfail", False),
        ("@pytest.mark.xfail(reason='a bug')\ndef test(): ...", True),
    ],
)
def test_tells_a_test_that_says_why_from_one_that_does_not(code: str, said: bool) -> None:
    assert [_has_reason(call) for _, call in _leaving_out(ast.parse(code))] == [said]


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
