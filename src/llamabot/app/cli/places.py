"""Where the command line keeps its log and its document store: the project's own folder, else the user's."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from llamabot.app.settings import find_project

__all__ = ["FOLDER", "budget_place", "prepare_place", "record_place", "store_place"]

FOLDER = ".llamabot"
_FILE = "runs.db"
_STORE = "store"


def record_place(folder: Path) -> Path:
    """Return the log's file for who stands in a folder. Nothing is made.

    It is `.llamabot/runs.db` of the project, or in the user's data folder outside of one, or where the project's
    cannot be had: a folder that is not writable, or a link that a stranger's checkout brought with it.
    """
    return _place(folder, _FILE, stat.S_ISREG)


def store_place(folder: Path, name: str = _STORE) -> Path:
    """Return the folder of a document store for who stands in a folder: beside the log. Nothing is made."""
    return _place(folder, name, stat.S_ISDIR)


def budget_place(folder: Path) -> Path:
    """Return the ledger of budgets for who stands in a folder: beside the log. Nothing is made."""
    return _place(folder, "budgets.db", stat.S_ISREG)


def prepare_place(place: Path) -> None:
    """Make a project's folder, for its owner alone and ignored by git. Whatever fails shows at what goes in there."""
    if place.parent.name != FOLDER:
        return
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with (place.parent / ".gitignore").open("x", encoding="utf-8") as ignore:
            ignore.write("*\n")


def _place(folder: Path, name: str, is_right: Callable[[int], bool]) -> Path:
    project = find_project(folder)
    if project is not None and _is_usable(project / FOLDER, name, is_right):
        return project / FOLDER / name
    from platformdirs import user_data_path

    return user_data_path("llamabot", appauthor=False) / name


def _is_usable(folder: Path, name: str, is_right: Callable[[int], bool]) -> bool:
    """Say whether a folder is, or can become, a real one that holds something of ours."""
    try:
        is_real = stat.S_ISDIR(folder.lstat().st_mode)
    except FileNotFoundError:
        return os.access(folder.parent, os.W_OK)
    except OSError:
        return False
    return is_real and os.access(folder, os.W_OK) and _is_ours(folder / name, is_right)


def _is_ours(path: Path, is_right: Callable[[int], bool]) -> bool:
    """Say whether there is nothing there yet, or something of this user's and of the right kind."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return is_right(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
