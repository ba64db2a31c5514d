"""The command about many inputs, and its options: `map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["add_to"]


def add_to(application: typer.Typer) -> None:
    """Give an application this command."""
    application.command("map")(_map)


def _map(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A row of JSON in each line; - is stdin.")],
    bot: Annotated[str, typer.Option("--bot", metavar="MODULE:NAME", help="The bot, in a module of yours.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the answers go; - is stdout.")],
    field: Annotated[
        str,
        typer.Option("--field", metavar="NAME", help="Of a row: what the bot is asked. A row that is text is that."),
    ] = "input",
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="NAME", help="Of a row: what names it; by default its place and text."),
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, metavar="NUMBER", help="Most at once.")] = 8,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="NAME", help="The job that is gone on with, or a name for a new one."),
    ] = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Take what was answered though bot or rows differ from then.")
    ] = False,
) -> None:
    """Ask a bot each row of a file. What was answered is kept, so that a job goes on where it was stopped."""
    from llamabot.app.cli.mapping import map_file as work

    work(
        file, out, bot=bot, field=field, key=key, concurrency=concurrency, resume=resume, accept_changes=accept_changes
    )
