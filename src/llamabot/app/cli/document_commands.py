"""The commands about documents, and their options: `ingest`, `search`."""

from __future__ import annotations

from typing import Annotated

import typer

from llamabot.app.cli.options import Store, given

__all__ = ["add_to"]


def add_to(application: typer.Typer) -> None:
    """Give an application these commands."""
    application.command()(ingest)
    application.command()(search)


def ingest(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Folders and files, or NAME=PATH to call one otherwise.")
    ],
    store: Store = None,
    glob: Annotated[
        list[str] | None,
        typer.Option("--glob", metavar="PATTERN", help="Only such files, as in a .gitignore: '*.pdf', '!*.py'."),
    ] = None,
    keywords: Annotated[
        bool, typer.Option("--keywords", help="A store that is searched by words alone, and needs no model.")
    ] = False,
    text_column: Annotated[
        str | None, typer.Option("--text-column", metavar="NAME", help="Of CSV and JSON lines; `text` if unsaid.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id-column", metavar="NAME", help="That names their rows; `id` if unsaid.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Of files that do not say it; utf-8 if unsaid.")
    ] = None,
) -> None:
    """Bring a document store into step with folders: new and changed files in, deleted ones out."""
    from llamabot.app.cli.ingesting import ingest as work

    columns = given(text_column=text_column, id_column=id_column, encoding=encoding)
    work(paths, place=store, globs=glob or [], keywords=keywords, **columns)


def search(
    words: Annotated[list[str], typer.Argument(metavar="QUERY")],
    store: Store = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="NUMBER", help="Most passages to show.")] = 5,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="NAME=VALUE", help="Only documents whose metadata has this."),
    ] = None,
) -> None:
    """Find the passages of a document store that are closest to a query, with their places."""
    from llamabot.app.cli.searching import search as work

    work(" ".join(words), place=store, k=k, where=where or [])
