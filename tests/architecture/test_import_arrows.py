"""The three floors hold: who imports whom, and which vendors are named where."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.project import ROOT, SRC, module_name, name_of, python_files, tree

LIGHT = {*sys.stdlib_module_names, "llamabot", "msgspec"}

# What may be imported when a module is, beside the light ones. Everything else waits for its first use.
AT_MODULE_LEVEL = {
    "llamabot.app.cli": {"typer", "rich", "click"},
    "llamabot.app.container": {"dependency_injector"},
    "llamabot.app.web": {"fastapi", "starlette"},
    "llamabot.domain.graph": {"pocketflow"},
    "llamabot.testing.contracts": {"hypothesis", "pytest"},
    "llamabot.testing.laws": {"hypothesis"},
    "llamabot.testing.plugin": {"pytest"},
    "llamabot.testing.strategies": {"hypothesis"},
}

# Vendors that only one place may name, even inside of a function.
ONLY_IN = {
    "dependency_injector": "llamabot.app.container",
    "faiss": "llamabot.adapters.faiss",
    "h11": "llamabot.adapters.wire",
    "litellm": "llamabot.adapters.litellm",
    "mcp": "llamabot.adapters.mcp",
    "onnxruntime": "llamabot.adapters.onnx",
    "pocketflow": "llamabot.domain.graph",
    "sqlite_utils": "llamabot.adapters.sqlite",
    "tokenizers": "llamabot.adapters.onnx",
    "xllamacpp": "llamabot.adapters.llamacpp",
}

MODULES = python_files("src")


def test_keeps_every_import_contract() -> None:
    # In a process of its own: import-linter configures logging for itself and switches off every logger it finds.
    command = [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / "pyproject.toml", "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_loads_no_vendor_with_a_module() -> None:
    loaded = {path: {name.partition(".")[0] for name in _imported_at_once(tree(path))} for path in MODULES}
    assert set().union(*loaded.values()) > {"llamabot", "msgspec"}
    wrong = {name_of(path): names - _allowed_at_once(module_name(path)) for path, names in loaded.items()}
    assert {name: names for name, names in wrong.items() if names} == {}


def test_names_a_vendor_in_its_own_place_only() -> None:
    named = {
        (name.partition(".")[0], module_name(path))
        for path in MODULES
        for node in ast.walk(tree(path))
        for name in _names(node)
    }
    vendors = [(vendor, module) for vendor, module in named if vendor in ONLY_IN]
    assert vendors
    assert [(vendor, module) for vendor, module in vendors if not _is_in(module, ONLY_IN[vendor])] == []


def test_ports_name_the_standard_library_and_msgspec_alone() -> None:
    named = {
        name
        for path in MODULES
        if _is_in(module_name(path), "llamabot.ports")
        for node in ast.walk(tree(path))
        for name in _names(node)
        if name.partition(".")[0] not in LIGHT - {"llamabot"} and not _is_in(name, "llamabot.ports")
    }
    assert named == {"numpy", "numpy.typing"}, "vectors are numpy's, for the type checker alone"


def test_protocols_name_no_vendor_but_the_one_of_vectors() -> None:
    named = {
        name.partition(".")[0]
        for path in MODULES
        if _is_in(module_name(path), "llamabot.protocols")
        for node in ast.walk(tree(path))
        for name in _names(node)
        if name.partition(".")[0] not in LIGHT - {"llamabot"} and not name.startswith("llamabot.p")
    }
    assert named == {"numpy"}


def test_knows_only_places_that_exist() -> None:
    modules = {module_name(path) for path in MODULES}
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert (SRC / "llamabot").is_dir()
    for floor in ("ports", "protocols", "domain", "adapters", "app", "testing"):
        assert f"llamabot.{floor}" in modules
        assert f"llamabot.{floor}" in contracts


def _allowed_at_once(module: str) -> set[str]:
    return LIGHT.union(*(names for place, names in AT_MODULE_LEVEL.items() if _is_in(module, place)))


def _is_in(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


def _imported_at_once(node: ast.AST) -> Iterator[str]:
    """Yield what is imported when the module is, leaving out functions and blocks for the type checker."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield from _names(child)
        yield from _imported_at_once(child)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []
