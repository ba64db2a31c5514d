"""`llamabot map`: a bot over the rows of a file."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

import typer

from llamabot.app.building import build_ids
from llamabot.app.cli.agents import own_defaults
from llamabot.app.cli.formats import cost_text, usage_text
from llamabot.app.cli.importing import AnyBot, load_bot
from llamabot.app.cli.map_rows import PIPE, Answers, Row, Rows, rows_of, written
from llamabot.app.cli.terminal import is_terminal, say
from llamabot.domain.mapping.coming import Coming
from llamabot.domain.mapping.item import MapItem
from llamabot.domain.mapping.items import MapItems
from llamabot.domain.mapping.job import can_resume
from llamabot.domain.resolve import resolve_instruments
from llamabot.domain.settings import MapSettings
from llamabot.domain.shells import SyncShell
from llamabot.ports.completion import NO_USAGE
from llamabot.ports.errors import LlamabotError, UsageError

__all__ = ["map_file"]


def map_file(
    file: Path,
    out: Path,
    *,
    bot: str,
    field: str,
    key: str | None,
    concurrency: int,
    resume: str | None,
    accept_changes: bool,
) -> None:
    """Write a line for each row of a file, in their order; raise the status 1 if any row failed."""
    rows = rows_of(file)
    with own_defaults(), Answers(out, file, goes_on=resume is not None) as answers:
        mapped = load_bot(bot)
        how: MapSettings = {"concurrency": concurrency, "prompt": lambda row: row.text(field)}
        job = _new_job(mapped) if resume is None else resume
        if job is not None:
            how["resume"], how["accept_changes"] = job, accept_changes
            if key is not None:
                how["key"] = lambda row: row.key(key)
        if out == PIPE and is_terminal(sys.stdout):
            how["progress"] = False  # it would be drawn among the answers
        summary = Summary()
        words = ["map", str(file), "--bot", bot, "--out", str(out), "--field", field, "--concurrency", str(concurrency)]
        words += [] if key is None else ["--key", key]
        with _goes_on_with(words, job, summary):
            for item in _items(mapped, rows, **how):
                answers.write(written(item, key))
                summary.take(item)
        say(summary.text())
    if summary.failed:
        if job is not None:
            say(f"what failed is tried again by: {_command(words, job)}")
        raise typer.Exit(1)


class Summary:
    """What became of the rows."""

    def __init__(self) -> None:
        self.done = self.failed = self.from_log = 0
        self._kinds: Counter[str] = Counter()
        self._usage, self._cost_usd, self._is_priced = NO_USAGE, 0.0, True

    def take(self, item: MapItem[Any]) -> None:
        """Take in a row that was written."""
        self.done += 1
        self.from_log += item.from_log
        if item.error is not None:
            self.failed += 1
            self._kinds[type(item.error).__name__] += 1
        if not item.from_log:
            self._usage += item.usage
            self._cost_usd += item.cost_usd or 0.0
            self._is_priced = self._is_priced and (item.cost_usd is not None or item.error is not None)

    def text(self) -> str:
        """Return it in words."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.most_common())
        parts = [f"{self.done:,} {'row' if self.done == 1 else 'rows'}"]
        parts += [f"{self.failed:,} failed ({kinds})"] if self.failed else []
        parts += [f"{self.from_log:,} told from the log"] if self.from_log else []
        parts += [usage_text(self._usage)] if self._usage != NO_USAGE else []
        parts += [cost_text(self._cost_usd)] if self._cost_usd and self._is_priced else []
        return "; ".join(parts)


def _new_job(bot: AnyBot) -> str | None:
    """Return a name for a job, None where no log is kept from which one could go on."""
    recorder, _, _ = resolve_instruments(bot._settings)  # noqa: SLF001 - what it was given, which only it knows
    return f"map-{build_ids().new_id()[:14]}" if can_resume(recorder) else None


def _items(bot: AnyBot, rows: Iterable[Row], **how: Unpack[MapSettings]) -> Iterator[MapItem[Any]]:
    """Yield the items of a map, of a bot of either colour; leaving early stops it."""
    inputs = rows if isinstance(rows, Rows) else Coming(rows)  # a pipe may be long in filling
    if isinstance(bot, SyncShell):
        with bot.map(inputs, **how) as items, _two_interrupts(items):
            yield from items
        return
    with asyncio.Runner() as runner:  # its end, and Ctrl-C, stop the map
        awaited = bot.map(inputs, **how)

        async def following() -> MapItem[Any] | None:
            return await anext(awaited, None)

        try:
            while (item := runner.run(following())) is not None:
                yield item
        finally:
            runner.run(awaited.aclose())


@contextmanager
def _two_interrupts(items: MapItems[Any]) -> Iterator[None]:
    """Say at the first Ctrl-C of a block what is waited for; the second leaves it.

    The second one raises nothing: it would hit what tidies up, and what is said last would be drawn beside the bar.
    """

    def leave(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        items.leave()

    def interrupt(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, leave)
        say("waiting for the answers that are on their way, to keep them; Ctrl-C again leaves them")
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _goes_on_with(words: list[str], job: str | None, summary: Summary) -> Iterator[None]:
    """Add to what stops a block the command that goes on with its job."""
    try:
        yield
    except (LlamabotError, KeyboardInterrupt, OSError) as error:
        if job is not None and not isinstance(error, UsageError):
            error.add_note(f"{summary.text()}; what was answered is kept, and this goes on:\n  {_command(words, job)}")
        raise


def _command(words: list[str], job: str) -> str:
    return shlex.join(["llamabot", *words, "--resume", job])
