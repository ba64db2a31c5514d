"""The commands and their options, as typer reads them. What a command does is in its own module."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from llamabot.app.cli import agent_commands, document_commands, map_commands
from llamabot.app.cli.options import Model, Run, Store, System, Temperature
from llamabot.app.cli.since import parse_since
from llamabot.ports.recorder import RunStatus

__all__ = ["run"]

_STYLE = {"help_option_names": ["-h", "--help"]}

application = typer.Typer(
    name="llamabot",
    help="Bots on language models: ask, chat, let agents work, and see what was recorded.",
    epilog="Exit status: 0 done, 1 something outside failed, 2 wrong use or settings, 3 no acceptable answer, "
    "4 someone must decide, 5 a replay differs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_STYLE,
)
local = typer.Typer(help="Models that run on this machine.", context_settings=_STYLE, rich_markup_mode=None)
application.add_typer(local, name="local")
agent_commands.add_to(application)
document_commands.add_to(application)
map_commands.add_to(application)


def run(arguments: list[str]) -> None:
    """Run a command. Its errors are raised; typer's own handling of them is left out."""
    command = _command()
    with command.make_context("llamabot", arguments) as context:
        command.invoke(context)


@cache
def _command() -> Any:
    """Return the application as typer runs it: reading the options of all commands takes longer than many a command."""
    return typer.main.get_command(application)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"llamabot {version('llamabot')}")  # noqa: T201 - it is the answer
        raise typer.Exit


@application.callback(invoke_without_command=True)
def _everything(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; goes anywhere.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())  # noqa: T201 - it is the answer


@application.command()
def ask(
    words: Annotated[list[str] | None, typer.Argument(metavar="QUESTION", show_default=False)] = None,
    model: Model = None,
    system: System = "",
    temperature: Temperature = None,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print the answer when it is whole.")] = False,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", metavar="FILE", help="JSON schema that the answer must fit; prints JSON."),
    ] = None,
    docs: Annotated[
        list[str] | None,
        typer.Option("--docs", metavar="PATH", help="Answer from this folder, file or store; or NAME=PATH."),
    ] = None,
    store: Store = None,
) -> None:
    """Ask one question. Text from a pipe is put below it, or is the question."""
    from llamabot.app.cli.asking import ask as work

    work(
        " ".join(words or ()),
        system,
        model=model,
        temperature=temperature,
        stream=not no_stream,
        schema_file=schema,
        docs=docs or [],
        store=store,
    )


@application.command()
def chat(model: Model = None, system: System = "", temperature: Temperature = None) -> None:
    """Talk. Ctrl-C stops an answer, Ctrl-D leaves."""
    from llamabot.app.cli.chatting import chat as work

    work(system, model=model, temperature=temperature)


@application.command()
def export(
    run_id: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE.llamabot.json", help="Where to; replaced if it is there.")],
) -> None:
    """Write a run to a file, without credentials, to be sent or replayed."""
    from llamabot.app.cli.exporting import export as work

    work(run_id, file)


@application.command()
def runs(
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="Only with this tag.")] = None,
    status: Annotated[RunStatus | None, typer.Option("--status", help="Only runs that stand like this.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", metavar="WHEN", parser=parse_since, help="Only since then: 2h, 7d, or 2026-11-22."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most runs to show.")] = 20,
) -> None:
    """List what was recorded, the latest first."""
    from llamabot.app.cli.runs import list_runs as work

    work(tags=tag or [], status=status, since=since, limit=limit)


@application.command()
def show(
    run_id: Run = "last",
    full: Annotated[bool, typer.Option("--full", help="Show long messages whole.")] = False,
) -> None:
    """Show a run: what was asked, what came back, tokens, cost, times."""
    from llamabot.app.cli.show import show as work

    work(run_id, full=full)


@application.command()
def prune(
    keep_days: Annotated[float, typer.Option("--keep-days", min=0, metavar="DAYS", help="What to keep.")] = 30,
) -> None:
    """Delete the runs that ended longer ago."""
    from llamabot.app.cli.runs import prune as work

    work(keep_days)


@local.command("install")
def local_install(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="By default all that can be fetched, or FILE's name.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A GGUF or ONNX file of your own; it is copied.")
    ] = None,
) -> None:
    """Have a model on this machine. Fetched ones are checked by hash."""
    from llamabot.app.cli.local import install as work

    work(name, source)


@local.command("list")
def local_list() -> None:
    """List the models that are here, and those that can be fetched."""
    from llamabot.app.cli.local import list_models as work

    work()


@local.command("remove")
def local_remove(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Delete a model from this machine."""
    from llamabot.app.cli.local import remove as work

    work(name)


@application.command()
def doctor(model: Model = None) -> None:
    """Say what is there and what would be used. Keys are named, never shown."""
    from llamabot.app.cli.doctor import doctor as work

    work(model)


@application.command()
def trust(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="By default the one that is in force.")] = None,
) -> None:
    """Show a llamabot.toml and let all of it count, until it changes."""
    from llamabot.app.cli.trusting import trust as work

    work(file)


@application.command()
def demo(
    text: Annotated[
        Path | None, typer.Option("--text", metavar="FILE", help="What to ask about; by default README.md.")
    ] = None,
    question: Annotated[str | None, typer.Option("--question", metavar="TEXT", help="What to ask.")] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="Ask about the documents in there alone.")
    ] = None,
) -> None:
    """Show the main jobs on a model of this machine: answer from texts, extract an object, choose tools; the log."""
    from llamabot.app.cli.demo import demo as work

    work(text, question, docs)
