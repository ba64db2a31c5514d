"""`llamabot local`: models on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llamabot.adapters import models
from llamabot.app.building import EMBEDDED_PREFIX
from llamabot.app.cli.terminal import display, is_terminal, say, visible

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["install", "list_models", "progress_bar", "remove"]


def install(name: str | None, source: Path | None) -> None:
    """Fetch a model, or all of the catalogue, or copy a file in among the models; say where each is."""
    if source is not None:
        with progress_bar(name or source.stem) as progress:
            _say_where(models.install_file(source, name=name, progress=progress))
        return
    for wanted in [name.removeprefix(EMBEDDED_PREFIX)] if name else [model.name for model in models.CATALOGUE]:
        with progress_bar(wanted) as progress:
            model = models.install(wanted, progress=progress)
        _say_where(model)


def _say_where(model: models.InstalledModel) -> None:
    licence = f", {model.licence}" if model.licence else ""
    say(f"{EMBEDDED_PREFIX}{model.name} is here: {model.path} ({size_text(model.size_bytes)}{licence})")


def list_models() -> None:
    """Print the models that are here, then those of the catalogue that are not."""
    here = models.installed()
    names = {model.name for model in here}
    rows = [(model.name, model.size_bytes, model.licence or "", str(model.path)) for model in here]
    rows += [
        (model.name, model.size_bytes, model.licence, f"not here: llamabot local install {model.name}")
        for model in models.CATALOGUE
        if model.name not in names
    ]
    display(_table(rows))


def remove(name: str) -> None:
    """Delete a model; its name may be given as bots call it."""
    model = models.remove(name.removeprefix(EMBEDDED_PREFIX))
    say(f"{EMBEDDED_PREFIX}{model.name} is deleted ({size_text(model.size_bytes)})")


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[models.Progress], None] | None]:
    """Show how far an install is, on a terminal; elsewhere say once that it began."""
    if not is_terminal(sys.stderr):
        yield _telling(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{name}: looking", total=None)

        def show(progress: models.Progress) -> None:
            # The package installer does the fetching and does not say how far it is.
            total = progress.total_bytes if progress.step is models.Step.COPYING else None
            bar.update(task, description=f"{name}: {progress.step}", total=total, completed=progress.done_bytes)

        yield show


def size_text(size_bytes: int) -> str:
    """Return a size as people say it: `98 MB`."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def _telling(name: str) -> Callable[[models.Progress], None]:
    told: set[models.Step] = set()

    def tell(progress: models.Progress) -> None:
        if progress.step not in told:
            told.add(progress.step)
            say(f"{progress.step} {name} ({size_text(progress.total_bytes)})")

    return tell


def _table(rows: list[tuple[str, int, str, str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("where", overflow="fold")
    for name, size_bytes, licence, place in rows:
        cells = (EMBEDDED_PREFIX + name, size_text(size_bytes), licence, place)
        table.add_row(*(Text(visible(cell)) for cell in cells))
    return table
