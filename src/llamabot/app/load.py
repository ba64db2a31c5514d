"""What the settings say of load: which decorators stand around the ports that are made by default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from llamabot.ports.errors import ConfigurationError

__all__ = ["LOAD_VARIABLE", "NO_LOAD", "Load", "load_paths", "read_load"]


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[load]` of `llamabot.toml`; None is no such decorator.

    Attributes:
        retry: most requests for one answer.
        fallback: models that are asked in turn where one fails.
        cache: `memory`, or the path of a file.
        rpm: requests that start in any 60 seconds.
        tpm: tokens of these.
        budget_usd: most to spend in each period, for each account.
        budget_per: the period.
        budget_by: the tag whose values are accounts.
        prices: US dollars for a token of the prompt and for one of the answer, by model.
        shared: the path of the file by which processes share the rate limit and the budget.
    """

    retry: int | None = None
    fallback: tuple[str, ...] = ()
    cache: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    budget_usd: float | None = None
    budget_per: str = "day"
    budget_by: str | None = None
    prices: Mapping[str, tuple[float, float]] = {}
    shared: str | None = None


NO_LOAD = Load()
_IN_MEMORY = "memory"
_PATHS = ("cache", "shared")
LOAD_VARIABLE = "LLAMABOT_LOAD"
"""Says the same in the environment, as the inside of the table: `retry = 3, cache = "answers.db"`."""


def read_load(table: Mapping[str, Any], file: Path | None, said: str | None, folder: Path) -> Load:
    """Return what the file and the environment say of load, with absolute paths.

    Args:
        table: of the file, as far as it counts.
        file: that it is from.
        said: by the environment; it beats the file, key by key.
        folder: that the process runs in.

    Raises:
        ConfigurationError: a value is of another kind, or there is no such setting.
    """
    from_file = _in_folder(table, folder if file is None else file.parent, str(file))
    from_environment = _in_folder(_inside(said or ""), folder, LOAD_VARIABLE)
    return msgspec.convert({**from_file, **from_environment}, Load)


def load_paths(table: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that a table names, each with the name of its setting."""
    for name in _PATHS:
        path = table.get(name)
        if isinstance(path, str) and path != _IN_MEMORY:
            yield name, Path(_resolved(path, folder))


def _inside(said: str) -> dict[str, Any]:
    try:
        table: dict[str, Any] = tomllib.loads(f"load = {{{said}}}")["load"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{LOAD_VARIABLE}={said!r} cannot be read; it is what would stand in the table, in one line: "
            'retry = 3, cache = "answers.db"'
        ) from error
    return table


def _in_folder(table: Mapping[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """Return a table that is right, with its paths made absolute."""
    try:
        msgspec.convert(table, Load)
    except msgspec.ValidationError as error:
        known = ", ".join(Load.__struct_fields__)
        raise ConfigurationError(f"{where}: what it says of load cannot be: {error}; there are {known}") from error
    return {name: _resolved(value, folder) if name in _PATHS else value for name, value in table.items()}


def _resolved(path: str, folder: Path) -> str:
    if path == _IN_MEMORY:
        return path
    return str(folder / os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for a user that does not exist
