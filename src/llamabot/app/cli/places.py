"""Where the command line records: the project's own folder, else the user's."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from llamabot.app.settings import find_project

__all__ = ["FOLDER", "prepare_place", "record_place", "store_place"]

FOLDER = ".llamabot"
_FILE = "runs.db"
_STORE = "store"


def record_place(folder: Path) -> Path:
    """Return the log's file for who stands in a folder. Nothing is made.

    It is `.llamabot/runs.db` of the project, or in the user's data folder outside of one, or where the project's
    cannot be had: a folder that is not writable, or a link that a stranger's checkout brought with it.
    """
    project = find_project(folder)
    if project is not None and _is_usable(project / FOLDER):
        return project / FOLDER / _FILE
    from platformdirs import user_data_path

    return user_data_path("llamabot", appauthor=False) / _FILE


def store_place(folder: Path) -> Path:
    """Return the folder of the documents' store for who stands in a folder: beside the log. Nothing is made."""
    return record_place(folder).with_name(_STORE)


def prepare_place(place: Path) -> None:
    """Make a project's folder for the log, for its owner alone and ignored by git. Whatever fails shows at the log."""
    if place.parent.name != FOLDER:
        return
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with (place.parent / ".gitignore").open("x", encoding="utf-8") as ignore:
            ignore.write("*\n")


def _is_usable(folder: Path) -> bool:
    """Say whether a folder is, or can become, a real one that holds a log of ours."""
    try:
        is_real = stat.S_ISDIR(folder.lstat().st_mode)
    except FileNotFoundError:
        return os.access(folder.parent, os.W_OK)
    except OSError:
        return False
    return is_real and os.access(folder, os.W_OK) and _is_ours(folder / _FILE)


def _is_ours(file: Path) -> bool:
    """Say whether there is no such file yet, or a real one of this user's."""
    try:
        found = file.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
