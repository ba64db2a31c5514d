"""Which folders are ingested, and how their files are called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import TypeAlias

import msgspec

from llamabot.adapters.loaders.folders import File, Listing, list_files, shown_name
from llamabot.ports.errors import UsageError

__all__ = ["Paths", "Root", "list_root", "read_roots"]

_Path: TypeAlias = str | os.PathLike[str]
Paths: TypeAlias = _Path | Iterable[_Path] | Mapping[str, _Path]


class Root(msgspec.Struct, frozen=True):
    """A folder, or one file of it.

    Attributes:
        name: what the sources of its files begin with.
        folder: with no link in its path.
        file: the one that is meant, or None for all of them.
    """

    name: str
    folder: Path
    file: str | None = None

    @property
    def place(self) -> str:
        """Return the folder as text that a store can hold."""
        return shown_name(self.folder)

    def source(self, name: str) -> str:
        """Return what a file of the folder is called."""
        return f"{self.name}/{name}"


def read_roots(paths: Paths) -> tuple[Root, ...]:
    """Return what is meant by paths, each once.

    Raises:
        UsageError: there is no such folder or file, or two folders would be called the same.
    """
    roots = tuple(dict.fromkeys(_root(name, Path(os.path.expanduser(path))) for name, path in _named(paths)))  # noqa: PTH111 - Path's own raises for a user that does not exist
    folders: dict[str, Path] = {}
    for root in roots:
        other = folders.setdefault(root.name, root.folder)
        if other != root.folder:
            raise UsageError(same_name(root.name, shown_name(other), root.place))
    return roots


def same_name(name: str, one: str, other: str) -> str:
    """Say that two folders have the same name, and what mends it."""
    return (
        f"{one} and {other} are both called {name!r}, so their documents would take each other's place; "
        f'name this one: {{"another name": "{other}"}}, or on the command line "another name={other}"'
    )


def list_root(root: Root) -> Listing:
    """Return the files of a root; one that is named is taken whatever the rules say of it."""
    if root.file is None:
        return list_files(root.folder)
    path = root.folder / root.file
    return Listing((File(path, shown_name(PurePath(root.file)), path.stat().st_size),), (), ())


def _named(paths: Paths) -> Iterator[tuple[str | None, _Path]]:
    if isinstance(paths, Mapping):
        for name in paths:
            if not name.strip() or "/" in name:
                raise UsageError(f"{name!r} cannot be a folder's name: it is empty or has a / in it")
        yield from paths.items()
    elif isinstance(paths, str | os.PathLike):
        yield None, paths
    else:
        yield from ((None, path) for path in paths)


def _root(name: str | None, path: Path) -> Root:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # a missing one, a loop of links, a NUL in it
        raise UsageError(f"{path} cannot be ingested: {getattr(error, 'strerror', None) or error}") from error
    if real.is_dir():
        return Root(name or shown_name(PurePath(real.name)) or "files", real)
    return Root(name or shown_name(PurePath(real.parent.name)) or "files", real.parent, real.name)
