"""`llamabot trust`: what a `llamabot.toml` says, and that it counts from now on."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from llamabot.app.cli.session import here
from llamabot.app.cli.terminal import say, visible
from llamabot.app.settings import SETTINGS_FILE
from llamabot.app.trust import trust as record_trust
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import HIDDEN, split_secrets

__all__ = ["trust"]


def trust(file: Path | None) -> None:
    """Show a file, its keys hidden, and trust it as it was shown."""
    folder, settings = here()
    file = settings.file if file is None else folder / file
    if file is None:
        raise ConfigurationError(f"there is no {SETTINGS_FILE} in {folder} or above it in its project")
    if file.name != SETTINGS_FILE:
        raise ConfigurationError(f"{file} is not called {SETTINGS_FILE}, so nothing would read it")
    try:
        content = file.read_bytes()
        parsed = tomllib.loads(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    record_trust(file, content)
    sys.stdout.writelines(f"{visible(name)} = {visible(value)}\n" for name, value in _shown(parsed))
    say(f"all of {file} counts from now on, until it changes")


def _shown(tree: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting as it was understood, with its place; of secrets only what may be seen."""
    seen, _ = split_secrets(tree)
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _shown(value, f"{place}{name}.")
        else:
            yield place + name, msgspec.json.encode(seen.get(name, HIDDEN), enc_hook=str).decode()
