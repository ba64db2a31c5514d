"""The versions of our tables, and how a file is brought to the latest.

A schema is a list of SQL files, oldest first. Which of them a file has had is kept in it by sqlite-utils' migrations;
a name there that is not in our list was left by a newer LlamaBot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

__all__ = ["DOCS", "LOG", "MEMORY", "SHARED", "NewerSchema", "Schema", "has_tables", "migrate"]


class Schema(msgspec.Struct, frozen=True):
    """Tables of one kind; several kinds may share a file.

    Attributes:
        name: under which a file remembers its migrations.
        migrations: the SQL files beside this module, without their ending.
    """

    name: str
    migrations: tuple[str, ...]


DOCS = Schema("llamabot.docs", ("docs_0001",))
LOG = Schema("llamabot.log", ("log_0001", "log_0002"))
MEMORY = Schema("llamabot.memory", ("memory_0001",))
SHARED = Schema("llamabot.shared", ("shared_0001",))


class NewerSchema(Exception):
    """The file was written by a newer LlamaBot; it is left as it is."""


def has_tables(connection: sqlite3.Connection, schema: Schema) -> bool:
    """Say whether the file has tables of this kind, and the latest; False if it has none.

    An older file is migrated.

    Raises:
        NewerSchema: the file is newer than this library.
    """
    if _applied(connection, schema):
        migrate(connection, schema)
        return True
    return False


def migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Bring a file to the latest version, whole or not at all; several processes may try at the same time.

    Raises:
        NewerSchema: the file is newer than this library.
    """
    # Nearly every file that is opened is a latest one: it does not pay for the import of sqlite-utils.
    if _is_latest(connection, schema):
        return
    from sqlite_utils import Database

    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrations(schema).apply(Database(connection, execute_plugins=False))
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _is_latest(connection: sqlite3.Connection, schema: Schema) -> bool:
    applied = _applied(connection, schema)
    unknown = sorted(applied.difference(schema.migrations))
    if unknown:
        raise NewerSchema(f"it was written by a newer LlamaBot (it has {unknown[-1]!r}); upgrade to use it")
    return len(applied) == len(schema.migrations)


def _applied(connection: sqlite3.Connection, schema: Schema) -> set[str]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (schema.name,))
    return {name for (name,) in rows}


def _migrations(schema: Schema) -> Migrations:
    from sqlite_utils import Migrations

    migrations = Migrations(schema.name)
    for name in schema.migrations:
        migrations(name=name)(_runner(name))
    return migrations


def _runner(name: str) -> Callable[[Database], None]:
    script = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")

    def run(db: Database) -> None:
        # Not `executescript`, which would commit the transaction that this is a part of.
        for statement in script.split(";\n\n"):  # a trigger has others inside
            db.execute(statement)

    return run
