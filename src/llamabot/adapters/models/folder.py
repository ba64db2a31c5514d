"""The folder of models: `<name>.gguf`, beside it `<name>.json` that says what it is, and `<name>.LICENSE.txt`.

A model is there when its GGUF file is there with the size that its note says. The GGUF file is put in its place last,
whole, and taken away first; so whatever is interrupted, a model is there or it is not.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from llamabot.adapters.models.catalogue import CATALOGUE
from llamabot.ports.errors import ConfigurationError, PortError

__all__ = [
    "FOLDER_VARIABLE",
    "InstalledModel",
    "Note",
    "disk_errors",
    "file_of",
    "installed",
    "model_path",
    "models_folder",
    "note_of",
    "put_in_place",
    "remove",
]

FOLDER_VARIABLE = "LLAMABOT_MODELS"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOTE, _LICENCE = ".json", ".LICENSE.txt"


class InstalledModel(msgspec.Struct, frozen=True):
    """A model that is here.

    Attributes:
        licence: SPDX identifier, or None for a file of which it is not known.
    """

    name: str
    path: Path
    size_bytes: int
    licence: str | None = None


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a model's file. Size and time of change say whether `sha256` still holds."""

    sha256: str
    size_bytes: int
    modified_ns: int
    licence: str | None = None
    origin: str | None = None


def models_folder() -> Path:
    """Return where models lie: `LLAMABOT_MODELS`, else `models` in the user's cache. It may not be there yet."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("llamabot") / "models"


def file_of(name: str, folder: Path) -> Path:
    """Return where a model of that name lies, if it is here.

    Raises:
        ConfigurationError: no model can have that name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot be a model's name: letters, digits, '.', '_' and '-' only")
    return folder / f"{name}.gguf"


def model_path(name: str, *, directory: Path | None = None) -> Path:
    """Return the file of an installed model.

    Raises:
        ConfigurationError: it is not installed, or its file is damaged; the message says how to mend it.
    """
    path = file_of(name, directory or models_folder())
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ConfigurationError(
            f"the model {name!r} is not installed; install it with: {_install_line(name)} (it would be {str(path)!r})"
        ) from error
    note = note_of(path)
    if note and note.size_bytes != size:
        raise ConfigurationError(
            f"{str(path)!r} has {size:,} bytes where {note.size_bytes:,} were installed; "
            f"mend it with: {_install_line(name)}"
        )
    return path


def _install_line(name: str) -> str:
    """Return the command that brings a model: what the catalogue does not have comes from a file."""
    known = any(model.name == name for model in CATALOGUE)
    return f"llamabot local install {name}{'' if known else ' --from FILE'}"


def installed(*, directory: Path | None = None) -> tuple[InstalledModel, ...]:
    """Return the models that are here, by name."""
    paths = sorted((directory or models_folder()).glob("*.gguf"))
    return tuple(_model(path) for path in paths if _NAME.fullmatch(path.stem) and path.is_file())


def remove(name: str, *, directory: Path | None = None) -> InstalledModel:
    """Take a model away and return what it was.

    Raises:
        ConfigurationError: it is not installed.
    """
    path = file_of(name, directory or models_folder())
    with disk_errors(path.parent):
        if not path.is_file():
            raise ConfigurationError(f"the model {name!r} is not installed; see: llamabot local list")
        model = _model(path)
        for file in (path, path.with_suffix(_NOTE), path.with_suffix(_LICENCE)):
            file.unlink(missing_ok=True)
    return model


def note_of(path: Path) -> Note | None:
    """Return what is known of a model's file, None if nothing is."""
    try:
        return msgspec.json.decode(path.with_suffix(_NOTE).read_bytes(), type=Note)
    except (OSError, msgspec.MsgspecError):
        return None


def put_in_place(file: Path, path: Path, note: Note, licence_text: bytes | None) -> InstalledModel:
    """Have a whole file where its model belongs, its note and its licence beside it."""
    if licence_text is None:
        path.with_suffix(_LICENCE).unlink(missing_ok=True)
    else:
        _write(path.with_suffix(_LICENCE), licence_text)
    _write(path.with_suffix(_NOTE), msgspec.json.encode(note))
    if file != path:
        file.replace(path)
    return _model(path)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Say of a folder that cannot be read or written what is wrong with it, and the mend."""
    try:
        yield
    except OSError as error:
        raise PortError(
            f"the folder of models, {str(folder)!r}, cannot be used: {error.strerror or error}; "
            f"make room or name another folder in {FOLDER_VARIABLE}"
        ) from error


def _model(path: Path) -> InstalledModel:
    note = note_of(path)
    return InstalledModel(path.stem, path, path.stat().st_size, note.licence if note else None)


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
