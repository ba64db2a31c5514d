"""`llamabot ingest`: folders into the document store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from llamabot.app.cli.interrupts import one_interrupt
from llamabot.app.cli.stores import store_to_fill
from llamabot.app.cli.terminal import is_terminal, say, visible
from llamabot.app.ingest.ingesting import ingest as bring_into_step
from llamabot.app.ingest.report import IngestProgress, IngestReport
from llamabot.app.ingest.roots import Paths
from llamabot.ports.errors import ConfigurationError, DocumentUnreadable, UsageError

__all__ = ["ingest", "ingest_bar", "named_paths"]

_GO_ON = "what was added stays; the same command goes on from there"
_WITHOUT = "or make a store that is searched by words alone: --keywords"


def ingest(paths: list[str], *, place: Path | None, globs: list[str], keywords: bool, **settings: str) -> None:
    """Bring the store into step with folders and files, and say what that took, and which files could not be read.

    Raises:
        DocumentUnreadable: some files could not be; all others are in the store.
    """
    from llamabot.adapters.loaders import FileLoader

    loader = FileLoader(**settings)  # type: ignore[arg-type]  # only those that are texts are options
    with store_to_fill(place, keywords=keywords) as (store, where):
        with _notes(), one_interrupt(), ingest_bar() as progress:
            report = bring_into_step(named_paths(paths), docstore=store, glob=globs, loader=loader, progress=progress)
        documents = store.count()
    sys.stdout.write(visible(f"{report}; {documents:,} {'document' if documents == 1 else 'documents'} in {where}\n"))
    _tell_failures(report)


def _tell_failures(report: IngestReport) -> None:
    for failure in report.failed:
        say(str(failure))
    if report.failed:
        count = len(report.failed)
        raise DocumentUnreadable(f"{count:,} {'file' if count == 1 else 'files'} could not be read")


def named_paths(paths: Sequence[str]) -> Paths:
    """Return the paths by the names they are given with `name=path`, if any is; a file that is called so is a file."""
    names = [path.partition("=") for path in paths if "=" in path and not Path(path).exists()]
    if not names:
        return paths
    if len(names) < len(paths) or len({name for name, _, _ in names}) < len(names):
        raise UsageError("either every path has a name of its own, as in papers=PATH, or none has")
    return {name: path for name, _, path in names}


@contextmanager
def _notes() -> Iterator[None]:
    """Add to what stops the work how to go on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(_GO_ON)
        raise
    except ConfigurationError as error:
        error.add_note(_WITHOUT)
        raise


@contextmanager
def ingest_bar() -> Iterator[Callable[[IngestProgress], None] | None]:
    """Show on a terminal how far it is, how fast, and how long it will take."""
    if not is_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    counted = TextColumn("{task.fields[done]:,}/{task.fields[files]:,} files")
    name = TextColumn("{task.description}", markup=False)
    columns = (BarColumn(), counted, TransferSpeedColumn(), TimeRemainingColumn(compact=True), name)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, done=0, files=0)

        def show(progress: IngestProgress) -> None:
            bar.update(
                task,
                total=progress.size_bytes,
                completed=progress.done_bytes,
                done=progress.done_files,
                files=progress.files,
                description=visible(progress.source)[-40:],
            )

        yield show
