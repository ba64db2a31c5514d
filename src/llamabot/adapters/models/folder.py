"""The folder of models: `<name>.gguf`, or `<name>.onnx` with its `<name>.tokenizer.json`.

Beside it are `<name>.json` that says what it is, and `<name>.LICENSE.txt`. A model is there when its own file is there
with the size that its note says. That file is put in its place last, whole, and taken away first; so whatever is
interrupted, a model is there or it is not.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import msgspec

from llamabot.adapters.models.catalogue import CATALOGUE, GGUF, ONNX, TOKENIZER
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
_USES = {GGUF: "answers", ONNX: "embeds texts"}


_NOTHING: Mapping[str, Path] = MappingProxyType({})


class InstalledModel(msgspec.Struct, frozen=True):
    """A model that is here.

    Attributes:
        path: of its own file; the ending says what it is for, `.gguf` answers, `.onnx` embeds texts.
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


def file_of(name: str, folder: Path, ending: str = GGUF) -> Path:
    """Return where a model of that name and kind lies, if it is here.

    Raises:
        ConfigurationError: no model can have that name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot be a model's name: letters, digits, '.', '_' and '-' only")
    return folder / f"{name}{ending}"


def model_path(name: str, *, ending: str = GGUF, directory: Path | None = None) -> Path:
    """Return the file of an installed model.

    Args:
        name: as in `embedded/<name>`.
        ending: `GGUF` for a model that answers, `ONNX` for one that embeds texts.
        directory: instead of `models_folder()`.

    Raises:
        ConfigurationError: it is not installed, is of the other kind, or is damaged; the message says the mend.
    """
    path = file_of(name, directory or models_folder(), ending)
    _refuse_other_kind(path)
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
    if ending == ONNX and not path.with_suffix(TOKENIZER).is_file():
        raise ConfigurationError(f"{str(path)!r} lacks its tokenizer; mend it with: {_install_line(name)}")
    return path


def _refuse_other_kind(path: Path) -> None:
    """Say of a model that is here, but for the other use, what it is for."""
    for ending, use in _USES.items():
        if ending != path.suffix and not path.exists() and path.with_suffix(ending).exists():
            raise ConfigurationError(
                f"'embedded/{path.stem}' is a model that {use}; wanted is one that {_USES[path.suffix]}"
            )


def _install_line(name: str) -> str:
    """Return the command that brings a model: what the catalogue does not have comes from a file."""
    known = any(model.name == name for model in CATALOGUE)
    return f"llamabot local install {name}{'' if known else ' --from FILE'}"


def installed(*, directory: Path | None = None) -> tuple[InstalledModel, ...]:
    """Return the models that are here, by name."""
    folder = directory or models_folder()
    paths = sorted(path for ending in _USES for path in folder.glob(f"*{ending}"))
    return tuple(_model(path) for path in paths if _NAME.fullmatch(path.stem) and path.is_file())


def remove(name: str, *, directory: Path | None = None) -> InstalledModel:
    """Take a model away and return what it was.

    Raises:
        ConfigurationError: it is not installed.
    """
    folder = directory or models_folder()
    paths = [file_of(name, folder, ending) for ending in _USES]
    with disk_errors(folder):
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise ConfigurationError(f"the model {name!r} is not installed; see: llamabot local list")
        model = _model(path)
        for file in (path, *(path.with_suffix(ending) for ending in (TOKENIZER, _NOTE, _LICENCE))):
            file.unlink(missing_ok=True)
    return model


def note_of(path: Path) -> Note | None:
    """Return what is known of a model's file, None if nothing is."""
    try:
        return msgspec.json.decode(path.with_suffix(_NOTE).read_bytes(), type=Note)
    except (OSError, msgspec.MsgspecError):
        return None


def put_in_place(
    file: Path, path: Path, note: Note, licence_text: bytes | None, beside: Mapping[str, Path] = _NOTHING
) -> InstalledModel:
    """Have a whole file where its model belongs, and beside it what goes with it, its note and its licence.

    Args:
        file: moved to `path`, and may be there already.
        path: the model's own.
        note: what is known of the file.
        licence_text: of the model.
        beside: files by their endings, moved too.
    """
    if licence_text is None:
        path.with_suffix(_LICENCE).unlink(missing_ok=True)
    else:
        _write(path.with_suffix(_LICENCE), licence_text)
    _write(path.with_suffix(_NOTE), msgspec.json.encode(note))
    for ending, other in {**beside, path.suffix: file}.items():
        other.replace(path.with_suffix(ending))
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
