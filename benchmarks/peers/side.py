"""A contender's process.

python -m benchmarks.peers.side MODULE FUNCTION ADDRESS [FOLDER]          answers commands, see `benchmarks.side`
python -m benchmarks.peers.side MODULE FUNCTION ADDRESS [FOLDER] --first  asks once, prints the answer and ends
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from benchmarks.peers.tasks import Tasks

__all__ = ["main"]


def main() -> None:
    """Make the contender and let it work."""
    _, module, function, *arguments = sys.argv
    first = "--first" in arguments
    make = getattr(import_module(f"benchmarks.peers.{module}"), function)
    tasks: Tasks = make(*(argument for argument in arguments if argument != "--first"))
    if first:
        assert tasks.call is not None, "only who can be called starts"
        print(tasks.call())
    else:
        from benchmarks.peers.measuring import commands
        from benchmarks.side import serve

        measured = commands(tasks)
        serve(measured)
        os._exit(0)  # before anything is let go of: some clients complain of what they have left open


if __name__ == "__main__":
    main()
