"""`llamabot runs` and `llamabot prune`: what is recorded."""

from __future__ import annotations

import sys
from datetime import datetime
from itertools import islice
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from llamabot.app.cli.formats import cost_text, duration_text, moment_text, usage_text
from llamabot.app.cli.nesting import RunNode, nested
from llamabot.app.cli.session import open_log
from llamabot.app.cli.terminal import display, is_terminal, say, visible
from llamabot.ports.errors import UsageError
from llamabot.ports.recorder import RunStatus

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["STATUS_STYLES", "list_runs", "prune"]

STATUS_STYLES = {
    RunStatus.CANCELLED: "yellow",
    RunStatus.COMPLETED: "green",
    RunStatus.FAILED: "red",
    RunStatus.LIMITED: "yellow",
    RunStatus.PAUSED: "magenta",
    RunStatus.RUNNING: "cyan",
}
_SHORTEST_ID = 14  # the milliseconds of the start, and two digits more
_SHORTEST_NAME = 8
_COLUMNS = ("id", "when", "bot", "model", "status", "tokens", "cost", "took")
_NUMBERS = ("tokens", "cost", "took")
_BOT, _MODEL, _TOKENS = (_COLUMNS.index(name) for name in ("bot", "model", "tokens"))
_GAP = 2


def list_runs(*, tags: list[str], status: RunStatus | None, since: datetime | None, limit: int) -> None:
    """Print the runs that are in no other and fit the filters, the latest first."""
    recorder, place = open_log()
    fitting = recorder.runs(tags=dict(map(_tag, tags)), status=status, since=since)
    nodes = [nested(recorder, run) for run in islice((run for run in fitting if run.parent_id is None), limit)]
    if not nodes:
        say(f"no such run in {place}" if tags or status or since else f"nothing is recorded yet in {place}")
        return
    display(_table(nodes))


def prune(keep_days: float) -> None:
    """Delete the runs that nothing was written to for so long."""
    recorder, place = open_log()
    count: int = recorder.prune(keep_days)  # type: ignore[attr-defined]  # every log in a file has it
    say(f"{count:,} {'run' if count == 1 else 'runs'} older than {keep_days:g} days deleted from {place}")


def _table(nodes: list[RunNode]) -> Table:
    from rich.table import Table
    from rich.text import Text

    rows, gap = [_row(node) for node in nodes], _GAP
    if is_terminal(sys.stdout):
        rows, gap = _fitting(rows, get_terminal_size().columns)
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for node, row in zip(nodes, rows, strict=True):
        styles = ("bold", "dim", "", "dim", STATUS_STYLES[node.summary.status], "", "", "")
        table.add_row(*(Text(cell, style) for cell, style in zip(row, styles, strict=True)))
    return table


def _row(node: RunNode) -> list[str]:
    run = node.summary
    cells = [
        run.run_id,
        moment_text(run.started_ns),
        run.bot,
        node.model,
        run.status,
        usage_text(node.usage) if node.usage.total_tokens else "",
        cost_text(node.cost_usd),
        "" if run.finished_ns is None else duration_text(run.finished_ns - run.started_ns),
    ]
    return [visible(cell).replace("\n", " ") for cell in cells]


def _fitting(rows: list[list[str]], columns: int) -> tuple[list[list[str]], int]:
    """Return rows that fit a terminal, and the gap between their columns.

    Ids are as short as can be; on a narrow terminal, times and tokens too. Names are cut to share what room is left.
    """
    length = _id_length([row[0] for row in rows])
    rows, gap = [[row[0][:length], *row[1:]] for row in rows], _GAP
    widths, room = _widths(rows, columns, gap)
    if room < min(widths[_BOT], _SHORTEST_NAME) + min(widths[_MODEL], _SHORTEST_NAME):
        rows, gap = [_narrow(row) for row in rows], 1
        widths, room = _widths(rows, columns, gap)
    bot = min(widths[_BOT], max(_SHORTEST_NAME, room - widths[_MODEL], room // 3))
    model = max(_SHORTEST_NAME, room - bot)
    return [[*row[:_BOT], _cut(row[_BOT], bot), _cut(row[_MODEL], model), *row[_MODEL + 1 :]] for row in rows], gap


def _widths(rows: list[list[str]], columns: int, gap: int) -> tuple[list[int], int]:
    """Return how wide each column is, and the room that the others leave for the names of bots and models."""
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    return widths, columns - sum(widths) - gap * (len(widths) - 1) + widths[_BOT] + widths[_MODEL]


def _narrow(row: list[str]) -> list[str]:
    """Return a row without the year and the seconds of its time, and without what is special among its tokens."""
    return [row[0], row[1][5:16], *row[2:_TOKENS], row[_TOKENS].partition(" (")[0], *row[_TOKENS + 1 :]]


def _id_length(ids: list[str]) -> int:
    """Return how much of the ids tells the shown runs apart."""
    length = _SHORTEST_ID
    while len({run_id[:length] for run_id in ids}) < len(ids):
        length += 1
    return length


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--tag {text!r} is not of the form name=value")
    return name, value
