"""Options that several commands have, as typer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "Bot",
    "Cost",
    "Deadline",
    "Decisions",
    "Mcp",
    "Model",
    "NoStream",
    "Run",
    "Store",
    "System",
    "Temperature",
    "Tokens",
    "ToolCalls",
    "Tools",
    "given",
]

Model = Annotated[str | None, typer.Option("--model", "-m", metavar="NAME", help="Model to use.")]
System = Annotated[str, typer.Option("--system", "-s", metavar="TEXT", help="System prompt.")]
Temperature = Annotated[
    float | None, typer.Option("--temperature", "-t", min=0, metavar="NUMBER", help="0 is the likeliest answer.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its beginning, or `last`.")]
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="The document store; by default .llamabot/store of the project."),
]
Bot = Annotated[str | None, typer.Option("--bot", metavar="MODULE:NAME", help="The bot, in a module of yours.")]
Tools = Annotated[
    list[str] | None,
    typer.Option("--tools", metavar="MODULE:FUNCTION,…", help="Functions and toolboxes; from this folder too."),
]
Mcp = Annotated[
    list[str] | None, typer.Option("--mcp", metavar="COMMAND", help="A program that offers tools through MCP.")
]
NoStream = Annotated[bool, typer.Option("--no-stream", help="Print the answer alone, when it is whole.")]
Decisions = Annotated[
    int | None,
    typer.Option(
        "--decisions", "--max-decisions", min=1, metavar="NUMBER", help="Most answers of the model; 25 if unsaid."
    ),
]
ToolCalls = Annotated[int | None, typer.Option("--tool-calls", min=1, metavar="NUMBER", help="Most calls of tools.")]
Tokens = Annotated[
    int | None, typer.Option("--tokens", min=1, metavar="NUMBER", help="Most tokens of all answers, prompts included.")
]
Cost = Annotated[float | None, typer.Option("--cost-usd", min=0, metavar="DOLLARS", help="Most to be spent.")]
Deadline = Annotated[float | None, typer.Option("--deadline-s", min=0, metavar="SECONDS", help="Longest time.")]


def given(**values: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in values.items() if value is not None}
