"""Following a run: its answer on stdout, what happens on the way on stderr."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from shutil import get_terminal_size
from typing import Any, Unpack

from llamabot.app.cli.importing import AnyBot
from llamabot.app.cli.interrupts import one_interrupt
from llamabot.app.cli.terminal import DIM, AnswerWriter, is_terminal, say
from llamabot.domain.result import (
    AttemptRejected,
    Decided,
    Finished,
    ReasoningDelta,
    Result,
    StreamEvent,
    TextDelta,
    ToolFinished,
)
from llamabot.domain.settings import CallSettings, ResumeSettings
from llamabot.domain.shells import SyncShell
from llamabot.ports.tools import ToolCall, ToolResult

__all__ = ["Follower", "begun", "resumed"]

_WIDTH_IN_PIPE = 120


def begun(bot: SyncShell[Any], question: str, **call: Unpack[CallSettings]) -> Iterator[StreamEvent[Any]]:
    """Yield the events of a new run; leaving early stops it."""
    with one_interrupt(), bot.stream(question, **call) as events:
        yield from events


def resumed(bot: AnyBot, run_id: str, **call: Unpack[ResumeSettings]) -> Iterator[StreamEvent[Any]]:
    """Yield the events of a run that goes on, of a bot of either colour."""
    if isinstance(bot, SyncShell):
        with one_interrupt(), bot.resume_stream(run_id, **call) as events:
            yield from events
        return
    with asyncio.Runner() as runner:  # its end, and Ctrl-C, stop the run
        stream = bot.resume_stream(run_id, **call)

        async def following() -> StreamEvent[Any] | None:
            return await anext(stream, None)

        while (event := runner.run(following())) is not None:
            yield event


class Follower:
    """Tells one run, which may be paused and resumed meanwhile.

    On a terminal the text is written as it arrives. Elsewhere only the answer is, for what a model says before it calls
    a tool is none.

    Args:
        quiet: write the answer alone.
        known: ids of calls that need not be told.
    """

    def __init__(self, *, quiet: bool = False, known: Iterable[str] = ()) -> None:
        self._quiet = quiet
        self._known = set(known)
        self._names: dict[str, str] = {}
        self._writer = AnswerWriter()
        self._streams = is_terminal(sys.stdout) and not quiet
        self._said = ""

    def follow(self, events: Iterator[StreamEvent[Any]]) -> Result[Any]:
        """Tell the events of a run as they come and return what it gave."""
        result: Result[Any] | None = None
        try:
            for event in events:
                if isinstance(event, Finished):
                    result = event.result
                elif not self._quiet:
                    self._tell(event)
        finally:
            self._writer.end()
        assert result is not None, "the last event is `Finished`"  # noqa: S101 - told to the type checker
        if self._said != result.text:
            self._writer.text(result.text)
            self._writer.end()
        return result

    def _tell(self, event: StreamEvent[Any]) -> None:
        match event:
            case TextDelta(text) if self._streams:
                self._said += text
                self._writer.text(text)
            case ReasoningDelta(text):
                self._writer.reasoning(text)
            case Decided(calls):
                self._said = ""
                self._writer.end()
                for call in calls:
                    self._call(call)
            case ToolFinished(result):
                self._result(result)
            case AttemptRejected(error):
                self._said = ""
                self._writer.end()
                say(f"an answer was not accepted: {error}")

    def _call(self, call: ToolCall) -> None:
        self._names[call.id] = call.name
        if call.id not in self._known:
            self._known.add(call.id)
            _say_cut(f"→ {call.name} {call.arguments}")

    def _result(self, result: ToolResult) -> None:
        mark = "✗" if result.is_error else "←"
        _say_cut(f"{mark} {self._names.get(result.call_id, 'tool')}: {result.text}")


def _say_cut(text: str) -> None:
    """Write what fits a line."""
    width = get_terminal_size().columns if is_terminal(sys.stderr) else _WIDTH_IN_PIPE
    line = " ".join(text.split())
    say(line if len(line) <= width else f"{line[: width - 1]}…", prefix="", style=DIM)
