"""A bar that shows people how far a map is: items, rate, cost, time left; on a terminal, or in a notebook.

rich draws it. In a notebook what it draws is shown by IPython itself, for rich would need ipywidgets there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llamabot.ports.errors import MissingExtra
from llamabot.ports.progress import MapProgress, ProgressPort

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task

__all__ = ["NotebookBar", "TerminalBar", "is_watched", "map_bar"]

_BETWEEN_S = 0.2  # two drawings in a notebook
_WIDTH = 100


def is_watched() -> bool:
    """Say whether a person looks at stderr, or at the notebook that this process serves."""
    try:
        return _notebook() is not None or sys.stderr.isatty()
    except (AttributeError, ValueError):  # None or closed
        return False


def map_bar(*, wanted: bool) -> ProgressPort | None:
    """Return a bar for where a person looks.

    Args:
        wanted: somebody has asked for it; else there is none without rich.

    Raises:
        MissingExtra: it is wanted, and rich is not installed.
    """
    if find_spec("rich") is None:
        if wanted:
            raise MissingExtra.for_package("rich", "cli")
        return None
    show = _notebook()
    return TerminalBar() if show is None else NotebookBar(show)


class TerminalBar:
    """On stderr; where that is no terminal, its last state alone is written."""

    def __init__(self) -> None:
        from rich.console import Console

        self._bar = _progress(Console(stderr=True, force_jupyter=False))
        self._task = self._bar.add_task("", total=None, text="")

    def __call__(self, progress: MapProgress) -> None:
        """Draw it, soon; the first time, begin to."""
        self._bar.update(self._task, total=progress.total, completed=progress.done, text=_text(progress))
        self._bar.start()

    def close(self) -> None:
        """Leave the last state where it is."""
        self._bar.stop()


class NotebookBar:
    """In the output of a cell.

    Args:
        show: draws a text in the place of the one before.
        now_s: tells the time.
    """

    def __init__(self, show: Callable[[str], object], now_s: Callable[[], float] = time.monotonic) -> None:
        from io import StringIO

        from rich.console import Console

        self._show, self._now_s = show, now_s
        self._console = Console(file=StringIO(), width=_WIDTH, force_jupyter=False)
        self._bar = _progress(self._console)
        self._task = self._bar.add_task("", total=None, text="")
        self._drawn_s: float | None = None

    def __call__(self, progress: MapProgress) -> None:
        """Draw it, unless it was drawn just now."""
        self._bar.update(self._task, total=progress.total, completed=progress.done, text=_text(progress))
        if self._drawn_s is None or self._now_s() - self._drawn_s >= _BETWEEN_S:
            self._draw()

    def close(self) -> None:
        """Draw the last state, if there is any."""
        if self._drawn_s is not None:
            self._draw()

    def _draw(self) -> None:
        self._drawn_s = self._now_s()
        with self._console.capture() as drawn:
            self._console.print(self._bar.get_renderable())
        self._show(drawn.get().rstrip())


def _progress(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_rate(task.finished_speed or task.speed))

    text, left = TextColumn("{task.fields[text]}", markup=False), TimeRemainingColumn(compact=True)
    return Progress(BarColumn(), text, Rate(), left, console=console)


def _rate(speed: float | None) -> str:
    """Return items a second, or a minute where they are slow."""
    if not speed:
        return ""
    return f"{speed:,.1f}/s" if speed >= 1 else f"{speed * 60:,.1f}/min"


def _text(progress: MapProgress) -> str:
    """Return what is known of a map in words."""
    from llamabot.app.cli.formats import cost_text

    total = "" if progress.total is None else f"/{progress.total:,}"
    named = {"failed": progress.failed, "from the log": progress.from_log}
    counts = [f"{count:,} {name}" for name, count in named.items() if count]
    cost = cost_text(progress.cost_usd) if progress.cost_usd else ""
    costs = [cost if progress.is_priced else f"{cost} and more"] if cost else []
    return ", ".join([f"{progress.done:,}{total}", *counts, *costs])


def _notebook() -> Callable[[str], object] | None:
    """Return what draws in the notebook that this process serves, None where it serves none."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if type(shell).__name__ != "ZMQInteractiveShell":
        return None
    handle = ipython.display.DisplayHandle()
    draws = iter([handle.display])

    def show(text: str) -> None:
        next(draws, handle.update)({"text/plain": text}, raw=True)

    return show
