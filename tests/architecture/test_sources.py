"""What every source file keeps to: its size, its excuses, and nothing of the machine it was written on."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
from tests.project import ROOT, files, name_of, python_files, tree

LONGEST_FILE = 300
LONGEST_FUNCTION = 40
LONG_TABLE = 20

SOURCES = python_files("src")
ALL_PYTHON = python_files("src", "tests", "scripts", "benchmarks", "examples", "docs")
LOCKS = [ROOT / "requirements" / "dev.txt", ROOT / "requirements" / "demo.txt"]

EXCUSE = re.compile(r"#\s*(type:\s*ignore|noqa|pyright:\s*ignore|mypy:)", re.IGNORECASE)
GOOD_EXCUSE = re.compile(
    r"#\s*(type: ignore\[[a-z-]+(, ?[a-z-]+)*\]|noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*)[\s#,;:-]+\S+(\s\S+)+"
)

# Brackets around one letter keep this file from holding what it looks for.
MACHINE = re.compile(
    r"""(?<![\w.~])/(?:[h]ome|[U]sers|[r]oot|[w]ork|[s]rv)/[\w.]  # a folder of somebody's machine
    | /opt/(?:[w]heels|[p]ypi)
    | [p]ythonhosted\.
    | index-url[ =]+[h]ttp | /[s]imple[/\s"']                                      # a package index
    """,
    re.VERBOSE,
)


def test_fits_on_a_few_screens() -> None:
    assert {name_of(path): lines for path in SOURCES if (lines := _lines_beside_tables(path)) > LONGEST_FILE} == {}


def test_has_functions_that_fit_on_a_screen() -> None:
    functions = [
        (path, node)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > len(SOURCES)
    long = [(path, node) for path, node in functions if _code_lines(node) > LONGEST_FUNCTION]
    assert [f"{name_of(path)}:{node.lineno}: {node.name}" for path, node in long] == []


def test_excuses_itself_with_a_code_and_a_reason() -> None:
    excuses = [(path, token) for path in ALL_PYTHON for token in _comments(path) if EXCUSE.search(token.string)]
    assert excuses
    bad = [(path, token) for path, token in excuses if not GOOD_EXCUSE.search(token.string)]
    assert [f"{name_of(path)}:{token.start[0]}: {token.string}" for path, token in bad] == []


@pytest.mark.parametrize(
    ("comment", "good"),
    [
        ("# type: ignore[arg-type]  # the stub forgets None", True),
        ("# noqa: BLE001 - a recorder may raise anything", True),
        ("# noqa: BLE001, S110 - a recorder may raise anything", True),
        ("# type: ignore", False),
        ("# type: ignore[arg-type]", False),
        ("# noqa: BLE001", False),
        ("# noqa", False),
        ("# noqa - because of this", False),
    ],
)
def test_tells_a_good_excuse_from_a_bad_one(comment: str, good: bool) -> None:
    assert EXCUSE.search(comment)
    assert bool(GOOD_EXCUSE.search(comment)) is good


def test_names_no_place_on_a_machine_and_no_package_index() -> None:
    found = []
    for path in files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{name_of(path)}: {match.group()!r}" for match in MACHINE.finditer(text)]
    assert found == []


@pytest.mark.parametrize("path", LOCKS, ids=name_of)
def test_locks_versions_by_hash_and_holds_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 20
    assert "://" not in text
    assert [entry for entry in entries if not re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[\w.!+]+ ", entry)] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_installs_the_demo_at_the_versions_that_were_tested() -> None:
    dev, demo = (set(re.findall(r"^(\S+==\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in LOCKS)
    assert demo <= dev


def _lines_beside_tables(path: Path) -> int:
    """Count a file's lines without its long tables."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    return lines - sum(_lines(node) for node in tree(path).body if _is_table(node) and _lines(node) > LONG_TABLE)


def _comments(path: Path) -> list[tokenize.TokenInfo]:
    """Return a file's comments; one that excuses nothing is not even looked for."""
    text = path.read_text(encoding="utf-8")
    if not EXCUSE.search(text):
        return []
    return [one for one in tokenize.generate_tokens(io.StringIO(text).readline) if one.type == tokenize.COMMENT]


def _is_table(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Call) and value.args:
        value = value.args[0]
    return isinstance(value, ast.Dict | ast.List | ast.Tuple | ast.Set)


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring, which may be as long as the contract needs."""
    return _lines(node) - (_lines(node.body[0]) if ast.get_docstring(node) else 0)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
