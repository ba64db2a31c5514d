"""What catches which bug, as `make falsify` found it: a record for the tests, a table for the reader."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.falsify.listing import ADAPTERS, BOTS
from tests.project import ROOT

__all__ = ["CAUGHT_BY", "PAGE", "RECORD", "caught", "page"]

RECORD = Path(__file__).with_name("caught.json")
PAGE = ROOT / "docs" / "falsify.md"
CAUGHT_BY: dict[str, str] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
"""The test, or the law, that fails for each; it is run first, so that the others need not be."""

_OPENING = """# What the kit catches

Written by `make falsify`; do not edit.

`tests/falsify/` holds adapters and bots that are right but for one bug each. They were written from what contracts and
ports say, not from the tests, and every one of them must be refused: {adapters} adapters by the contract of their port,
{bots} bots and agents by `check_bot`. `make test` tries them with the same examples each time; `make falsify` then runs
the contracts of the right adapters again and again with random seeds, and none of them may fail.
"""


def caught(key: str, by: str, error: BaseException) -> None:
    """Note what has caught a bug, where `FALSIFY_NOTES` names a file for it; and check that it says something."""
    assert str(error).strip(), f"{by} catches {key} and says nothing"
    notes = os.environ.get("FALSIFY_NOTES")
    if notes:
        with Path(notes).open("a") as file:
            file.write(json.dumps([key, by]) + "\n")


def page(found: Mapping[str, str]) -> str:
    """Return the page of all bugs, by contract, each with what has caught it."""
    lines = [_OPENING.format(adapters=len(ADAPTERS), bots=len(BOTS))]
    for contract, rows in _rows(found):
        lines += [f"\n## {contract}\n\n| a wrong one | is caught by |\n|---|---|\n", *rows]
    return "".join(lines)


def _rows(found: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    contracts: dict[str, list[Any]] = {}
    for adapter in ADAPTERS:
        contracts.setdefault(adapter.suite.llamabot_contract, []).append(adapter)
    for contract, adapters in contracts.items():
        yield (
            contract,
            [_row(one, found, lambda test: test.removeprefix("test_").replace("_", " ")) for one in adapters],
        )
    yield "check_bot", [_row(one, found, lambda law: f"the law of `{law}`") for one in BOTS]


def _row(one: Any, found: Mapping[str, str], named: Any) -> str:
    by = found.get(one.key)
    return f"| `{one.name}`: {one.bug} | {named(by) if by else '**nothing**'} |\n".replace("`|`", "`\\|`")
