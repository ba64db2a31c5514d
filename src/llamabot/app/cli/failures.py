"""How a command ends: its errors as one line each, and the exit status. The table of statuses is in the package."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from llamabot.app.cli.terminal import say, say_difference
from llamabot.ports.errors import BotError, LimitReached, LlamabotError, PortError, ReplayDiverged, RunPaused

__all__ = ["reported"]

FAILED, MISUSED, NO_ANSWER, UNDECIDED, DIVERGED, FAULT, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 4, 5, 70, 130, 141
_GO_ON = (LimitReached, ReplayDiverged, RunPaused)
_STATUSES = ((PortError, FAILED), (BotError, NO_ANSWER), (RunPaused, UNDECIDED), (ReplayDiverged, DIVERGED))


def reported(command: Callable[[], None], *, debug: bool) -> int:
    """Run a command, tell what goes wrong, and return the exit status."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    try:
        with _lines_only(debug=debug):
            command()
            sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return PIPE_CLOSED
    except KeyboardInterrupt as stop:
        _say_notes(stop)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - this is where every error ends
        return _told(error, debug=debug)
    return 0


def _told(error: Exception, *, debug: bool) -> int:
    code = getattr(error, "exit_code", None)
    is_exit = code is not None and not hasattr(error, "format_message")
    if is_exit:  # typer.Exit
        return int(str(code))
    if debug:
        say("".join(traceback.format_exception(error)).rstrip(), prefix="", one_line=False)
    status, message = _read(error)
    message, _, difference = message.partition("\n") if isinstance(error, ReplayDiverged) else (message, "", "")
    if isinstance(error, _GO_ON) and hasattr(error, "__notes__"):
        message, _, _ = message.partition("; ")  # what comes behind it is for programs
    say(message)
    say_difference(difference)
    _say_notes(error)
    return status


def _say_notes(error: BaseException) -> None:
    """Tell what a command has added: how to go on, each way in a line of its own, to be copied."""
    for note in getattr(error, "__notes__", ()):
        head, _, ways = note.partition("\n")
        say(head)
        say(ways, prefix="", one_line=False)


def _read(error: Any) -> tuple[int, str]:
    if isinstance(error, LlamabotError):
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), MISUSED)
        return status, str(error)
    if hasattr(error, "format_message"):  # typer's own, and click's under an older typer
        context = getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context else ""
        return MISUSED, error.format_message().rstrip(".") + hint
    if isinstance(error, OSError):
        return FAILED, str(error)
    return FAULT, f"this is a fault of llamabot: {type(error).__name__}: {error} (--debug shows where)"


@contextmanager
def _lines_only(*, debug: bool) -> Iterator[None]:
    """Let a block write any text, and have libraries say what they have to say in lines like ours."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    logger, lines = logging.getLogger("llamabot"), _Lines(logging.WARNING)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(lines)
    try:
        with warnings.catch_warnings():
            if not debug and not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(lines)
        logger.propagate = propagated


class _Lines(logging.Handler):
    """Tells the first thing that the library warns of. All are about the log, and the first one says what is wrong."""

    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._told:
            self._told = True
            say(f"warning: {record.getMessage()}")


def _nowhere() -> TextIO:
    """Return what stands for a stream that was closed before we began."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _let_go_of_stdout() -> None:
    """Point stdout where a flush at the end of the process cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
