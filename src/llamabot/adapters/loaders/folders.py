"""The files of a folder that are there to be read: not ignored, not hidden, and really in it.

Rules are those of `.gitignore` files, in the folder, below it, and above it up to the root of its repository. No link
is followed: what it leads to in the folder is met at its own place, and what is outside stays outside.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from llamabot.adapters.loaders.kinds import is_media
from llamabot.ports.errors import MissingExtra

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["File", "Listing", "list_files", "matching", "shown_name"]

_IGNORE_FILE = ".gitignore"
_MOST_RULES_BYTES = 1_000_000
_ENVIRONMENT = "pyvenv.cfg"  # marks a folder of installed packages, whatever it is called

_LIKE_A_BYTE = re.compile(rb"\\(?=x[0-9a-f]{2})")

_Rule: TypeAlias = tuple[Path, "GitIgnoreSpec"]  # for what is below a folder
_Rules: TypeAlias = tuple[_Rule, ...]


class File(msgspec.Struct, frozen=True):
    r"""A file of a folder.

    Attributes:
        path: where it is.
        name: its path in the folder, for people, with `/`; bytes that are no text are shown as `\xff`.
    """

    path: Path
    name: str
    size_bytes: int


class Listing(msgspec.Struct, frozen=True):
    """What there is in a folder.

    Attributes:
        files: to be read, in the order of their names.
        left_out: names of links, pictures, sounds and films.
        closed: names of the folders that cannot be looked into, and why; each ends with `/`, "" is the folder itself.
    """

    files: tuple[File, ...]
    left_out: tuple[str, ...]
    closed: tuple[tuple[str, str], ...]


def list_files(root: Path) -> Listing:
    """Return the files of a folder and of those in it."""
    found = _Found(root)
    waiting: list[tuple[Path, _Rules]] = [(root, _rules_above(root))]
    while waiting:
        folder, rules = waiting.pop()
        entries = found.entries(folder)
        if folder != root and any(entry.name == _ENVIRONMENT for entry in entries):
            continue
        rules = (*rules, *_rules_of(folder))
        for entry in entries:
            path, is_dir = Path(entry.path), entry.is_dir(follow_symlinks=False)
            if entry.name.startswith(".") or _decision(path, is_dir=is_dir, rules=rules):
                continue
            if is_dir:
                waiting.append((path, rules))
            else:
                found.add(entry)
    return found.listing()


def matching(files: Iterable[File], globs: Iterable[str]) -> Iterator[File]:
    """Yield the files whose names fit one of the patterns, if there are any, and none of those with a `!` before them.

    They are written as in a `.gitignore`: `*.pdf` is at any depth, `/2024/` a folder at the top.
    """
    globs = tuple(globs)
    wanted = [pattern for pattern in globs if not pattern.startswith("!")]
    fits, fits_not = _spec(wanted), _spec([pattern[1:] for pattern in globs if pattern.startswith("!")])
    for file in files:
        if (not wanted or fits.match_file(file.name)) and not fits_not.match_file(file.name):
            yield file


class _Found:
    """Collects what a walk through a folder meets."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: list[File] = []
        self._left_out: list[str] = []
        self._closed: list[tuple[str, str]] = []

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """Return what is in a folder; nothing, and a note, if it cannot be looked into."""
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except OSError as error:
            name = "" if folder == self._root else f"{self._name(folder)}/"
            self._closed.append((name, f"cannot be looked into: {error.strerror}"))
            return []

    def add(self, entry: os.DirEntry[str]) -> None:
        """Take in what is no folder. A pipe or a device is nothing."""
        name = self._name(Path(entry.path))
        if entry.is_symlink() or is_media(entry.name):
            self._left_out.append(name)
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):  # it has gone meanwhile
                self._files.append(File(Path(entry.path), name, entry.stat(follow_symlinks=False).st_size))

    def listing(self) -> Listing:
        """Return what was found."""
        files = sorted(self._files, key=lambda file: file.name)
        return Listing(tuple(files), tuple(sorted(self._left_out)), tuple(sorted(self._closed)))

    def _name(self, path: Path) -> str:
        return shown_name(path.relative_to(self._root))


def shown_name(path: PurePath) -> str:
    r"""Return a path with `/`, as text that a store can hold: bytes that are none are shown as `\xff`.

    Law: no other path gives the same; where the name has such letters itself, their `\` is shown as `\x5c`.
    """
    name = os.fsencode(path.as_posix())
    return _LIKE_A_BYTE.sub(rb"\\x5c", name).decode("utf-8", "backslashreplace")


def _rules_above(root: Path) -> _Rules:
    """Return the rules that the repository of a folder has for it; none if they leave out the folder itself."""
    above = (root, *root.parents)
    repository = next((number for number, folder in enumerate(above) if _is_there(folder / ".git")), 0)
    rules = tuple(rule for folder in reversed(above[1 : repository + 1]) for rule in _rules_of(folder))
    for folder in above[:repository]:
        if _decision(folder, is_dir=True, rules=[rule for rule in rules if rule[0] in folder.parents]):
            return ()  # who names an ignored folder means it
    return rules


def _rules_of(folder: Path) -> _Rules:
    file = folder / _IGNORE_FILE
    if not _is_there(file):
        return ()
    try:
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            return ((folder, _spec(lines.read(_MOST_RULES_BYTES).split("\n"))),)
    except OSError:
        return ()


def _is_there(path: Path) -> bool:
    """Say whether there is a file or a folder: no link, and no pipe, which would have us wait."""
    try:
        return stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR)
    except OSError:
        return False


def _spec(lines: list[str]) -> GitIgnoreSpec:
    try:
        from pathspec import GitIgnoreSpec
    except ImportError as error:
        raise MissingExtra.for_package("pathspec", "documents") from error
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:  # a line that means nothing, of which git takes no notice
        return GitIgnoreSpec.from_lines(line for line in lines if _means_something(line))


def _means_something(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        return bool(GitIgnoreSpec.from_lines([line]))
    except ValueError:
        return False


def _decision(path: Path, *, is_dir: bool, rules: Sequence[_Rule]) -> bool:
    """Say whether a path is left out: the nearest file of rules that says anything about it has the last word."""
    for folder, spec in reversed(rules):
        decided = spec.check_file(path.relative_to(folder).as_posix() + "/" * is_dir).include
        if decided is not None:
            return decided
    return False
