"""Whether the packages of the `cli` extra are there, asked before anything imports them."""

from __future__ import annotations

from importlib.util import find_spec

from llamabot.ports.errors import MissingExtra

__all__ = ["check_extra"]


def check_extra() -> None:
    """Raise `MissingExtra` if a package of the command line is not installed."""
    for package in ("typer", "rich", "jsonschema"):
        if find_spec(package) is None:
            raise MissingExtra.for_package(package, "cli")
