"""Writing to the user: the answer on stdout, everything else on stderr, and nothing that takes over a terminal.

A model's text may hold escape sequences that move the cursor, change the title or the clipboard. On a terminal every
control character but tabs and line ends is shown instead of obeyed; a pipe gets the text as it is.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

__all__ = ["DIM", "AnswerWriter", "display", "is_terminal", "read_line", "say", "say_difference", "visible"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WIDE = 10_000
DIM, _RED, _GREEN = "2", "31", "32"


def visible(text: str) -> str:
    """Return text whose control characters are shown: ␛ for an escape. A carriage return is left out."""
    return _CONTROL.sub(_picture, text)


def say(message: str, *, prefix: str = "llamabot: ", one_line: bool = True, style: str = "") -> None:
    """Write a line to stderr, in a style such as `DIM` on a terminal; it is lost if nobody reads there."""
    text = visible(prefix + (" ".join(message.split()) if one_line else message))
    try:
        sys.stderr.write(f"{_styled(text, style)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # closed
        return


def is_terminal(stream: TextIO) -> bool:
    """Say whether a person reads or writes there."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # None or closed
        return False


def say_difference(text: str) -> None:
    """Write a unified diff to stderr, what was removed red and what was added green on a terminal."""
    for line in text.splitlines():
        say(line, prefix="  ", one_line=False, style={"-": _RED, "+": _GREEN}.get(line[:1], ""))


def read_line(prompt: str) -> str:
    """Return a line from stdin; on a terminal, ask for it without writing among the answers."""
    if not is_terminal(sys.stdin):
        return input()
    if not is_terminal(sys.stdout):  # `input` would write the prompt there
        sys.stderr.write(prompt)
        sys.stderr.flush()
        return input()
    return input(prompt)


def display(*pages: ConsoleRenderable) -> None:
    """Print what rich draws to stdout, as wide as the terminal, or in a pipe as wide as needed. No markup is read."""
    from rich.console import Console

    in_pipe = not is_terminal(sys.stdout)
    console = Console(width=_WIDE if in_pipe else None, markup=False, highlight=False, emoji=False)
    if not in_pipe:
        console.print(*pages, sep="\n")
        return
    with console.capture() as drawn:
        console.print(*pages, sep="\n")
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))
    sys.stdout.flush()  # here, and not inside of rich, which ends the process if nobody reads


class AnswerWriter:
    """Writes an answer as it arrives, and the model's reasoning, dimmed, on a terminal's stderr."""

    def __init__(self) -> None:
        self._raw = not is_terminal(sys.stdout)
        self._reasons = is_terminal(sys.stderr) and not self._raw
        self._last = "\n"
        self._reasoning = False

    def text(self, piece: str) -> None:
        """Write the next piece of the answer."""
        self._end_reasoning()
        shown = piece if self._raw else visible(piece)
        if shown:
            self._last = shown[-1]
            sys.stdout.write(shown)
            sys.stdout.flush()

    def reasoning(self, piece: str) -> None:
        """Write the next piece of the reasoning."""
        if self._reasons:
            self._reasoning = True
            sys.stderr.write(_styled(visible(piece), DIM))
            sys.stderr.flush()

    def end(self) -> None:
        """End the last line, if anything was written."""
        self._end_reasoning()
        if self._last != "\n":
            self._last = "\n"
            sys.stdout.write("\n")
            sys.stdout.flush()

    def _end_reasoning(self) -> None:
        if self._reasoning:
            self._reasoning = False
            sys.stderr.write("\n\n")


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code == ord("\r"):
        return ""
    return "�" if code >= 0x80 else "␡" if code == 0x7F else chr(0x2400 + code)


def _styled(text: str, style: str) -> str:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not is_terminal(sys.stderr)
    return text if plain or not style else f"\x1b[{style}m{text}\x1b[0m"
