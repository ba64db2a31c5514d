"""Trust: which `llamabot.toml` files their reader has read, each as it was then."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import msgspec

from llamabot.ports.errors import ConfigurationError

__all__ = ["is_trusted", "trust", "trust_file"]


def trust_file() -> Path:
    """Return where the trusted files are listed."""
    from platformdirs import user_data_path

    return user_data_path("llamabot", appauthor=False) / "trusted.json"


def is_trusted(file: Path, content: bytes) -> bool:
    """Say whether a file was trusted with just this content."""
    return _listed().get(str(file.resolve())) == sha256(content).hexdigest()


def trust(file: Path, content: bytes) -> None:
    """Trust a file with the content that its reader has seen.

    Raises:
        ConfigurationError: the list cannot be written.
    """
    try:
        listed = {**_listed(), str(file.resolve()): sha256(content).hexdigest()}
        listing = trust_file()
        listing.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = listing.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(listed))
        draft.replace(listing)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be trusted: {error}") from error


def _listed() -> dict[str, str]:
    try:
        return msgspec.json.decode(trust_file().read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}
