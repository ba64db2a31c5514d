"""`llamabot export`: a run in a file."""

from __future__ import annotations

from pathlib import Path

from llamabot.app.cli.nesting import find_run
from llamabot.app.cli.session import open_log
from llamabot.app.cli.terminal import say
from llamabot.ports.errors import UsageError
from llamabot.ports.exports import export_run

__all__ = ["export"]

_SUFFIX = ".json"


def export(wanted: str, file: Path) -> None:
    """Write a run, and those inside it, to a file."""
    if file.suffix != _SUFFIX:
        raise UsageError(f"{file} does not end in {_SUFFIX}, by which `llamabot replay` knows a file")
    recorder, _ = open_log()
    run = find_run(recorder, wanted)
    export_run(recorder, run.run_id, file)
    say(f"run {run.run_id} is in {file}: credentials were taken out, what was said is in it")
