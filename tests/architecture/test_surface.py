"""What the library offers: the names it promises are there, sorted, and nothing else shows."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from tests.project import SRC, name_of, python_files, tree

import llamabot
import llamabot.testing

MODULES = python_files("src")
PACKAGE = SRC / "llamabot" / "__init__.py"
KIT = SRC / "llamabot" / "testing" / "__init__.py"
EAGER = [path for path in MODULES if path not in (PACKAGE, KIT)]


def test_shows_what_it_promises_and_nothing_else() -> None:
    shown = [name for name in dir(llamabot) if not name.startswith("_")]
    assert sorted(shown) == sorted(name for name in llamabot.__all__ if not name.startswith("_"))


def test_keeps_each_promise() -> None:
    for name in llamabot.__all__:
        assert getattr(llamabot, name) is getattr(llamabot, name)


def test_shows_the_type_checker_the_same_names_from_the_same_places() -> None:
    block = next(node for node in tree(PACKAGE).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    shown = {alias.name: str(node.module) for node in imports for alias in node.names}
    lazy = next(
        node.value for node in tree(PACKAGE).body if isinstance(node, ast.Assign) and _named(node) == ["_HOMES"]
    )
    homes = ast.literal_eval(lazy)
    assert list(homes) == llamabot.__all__
    assert shown.keys() == homes.keys()
    assert [name for name, home in homes.items() if home not in (shown[name], f"{shown[name]}.{name}")] == []


def test_gives_to_a_star_import_what_it_promises() -> None:
    given: dict[str, object] = {}
    exec("from llamabot import *", given)  # noqa: S102 - a star import is legal at module level only
    assert set(given) - {"__builtins__"} == set(llamabot.__all__)


def test_names_what_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="SimpelBot"):
        llamabot.SimpelBot  # noqa: B018 - reading it is the test


def test_offers_its_testing_kit_without_an_extra() -> None:
    code = "import sys, llamabot.testing as kit, llamabot.testing.faults; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"hypothesis", "pytest"} & set(loaded) == set()


def test_its_strategies_load_hypothesis_and_no_adapter_of_a_vendor() -> None:
    code = "import sys, hypothesis.strategies; before = {*sys.modules}\n"
    code += "import llamabot.testing.strategies; print(*{*sys.modules} - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    vendors = {name.partition(".")[0] for name in loaded} - {*sys.stdlib_module_names, "llamabot"}
    assert vendors - {"typing_extensions"} == {"msgspec"}  # which takes the other with it where it is installed
    adapters = {name.split(".")[2] for name in loaded if name.startswith("llamabot.adapters.")}
    assert adapters == {"fake"}
    assert "asyncio" not in loaded
    assert len(loaded) < 65, "each module costs those who import the kit"


def test_its_testing_kit_keeps_each_promise() -> None:
    assert [name for name in llamabot.testing.__all__ if not hasattr(llamabot.testing, name)] == []
    assert dir(llamabot.testing) == llamabot.testing.__all__
    shown = {
        alias.name: node.module
        for node in ast.walk(tree(KIT))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert [
        name for name in llamabot.testing.__all__ if getattr(llamabot.testing, name).__module__ != shown[name]
    ] == []


def test_sorts_what_a_module_offers() -> None:
    offers = {name_of(path): _offered(tree(path)) for path in MODULES}
    assert sum(map(len, offers.values())) > len(offers)
    assert {name: offered for name, offered in offers.items() if offered != sorted(set(offered), key=_place)} == {}


def test_offers_only_what_a_module_holds() -> None:
    missing = {name_of(path): set(_offered(tree(path))) - set(_bound(tree(path))) for path in EAGER}
    assert {name: names for name, names in missing.items() if names} == {}


def _offered(module: ast.Module) -> list[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and _named(node) == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return []


def _named(node: ast.Assign) -> list[str]:
    return [ast.unparse(target) for target in node.targets]


def _place(name: str) -> tuple[bool, bool, str]:
    """Order names as ruff does: constants, classes, the rest."""
    return not name.isupper(), not name[:1].isupper(), name


def _bound(module: ast.Module) -> list[str]:
    """Return the names that a module defines or imports."""
    bound: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.append(node.id)
    return bound
