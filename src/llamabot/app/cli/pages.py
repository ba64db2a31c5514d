"""What the demo prints: headings, and text with its lines broken between words."""

from __future__ import annotations

import shutil
import sys
import textwrap

from llamabot.app.cli.terminal import is_terminal, visible

__all__ = ["heading", "print_text"]

_WIDEST = 100


def heading(text: str) -> None:
    """Begin a section."""
    print_text(f"\n--- {text}\n")


def print_text(text: str, *, indent: str = "") -> None:
    """Write text to stdout, on a terminal with its lines broken between words."""
    lines = visible(text).split("\n")
    if is_terminal(sys.stdout):
        width = min(shutil.get_terminal_size().columns, _WIDEST) - len(indent)
        lines = [part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]
    sys.stdout.write("".join(f"{indent}{line}".rstrip() + "\n" for line in lines))
    sys.stdout.flush()
