"""The command line: `llamabot`, and `python -m llamabot`.

The answer goes to stdout, all else to stderr. Each command's work is in a module of its own, loaded when it is asked
for, so that `--help` and `runs` start without a model's machinery.

The statuses, as `main` returns them:

    0    done
    1    something outside failed: a provider, the network, the disk; or a row of a map
    2    wrong use, or a setting that is missing or wrong
    3    the model gave no acceptable answer, or a limit was reached
    4    someone must decide before the run goes on
    5    a run went otherwise than its log says
    70   a fault of llamabot
    130  Ctrl-C
    141  the reader of stdout has gone (`| head`)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from llamabot.app.cli.failures import reported

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; every error is told in one line, `--debug` adds the traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in words
    if debug:
        given.remove("--debug")
    return reported(lambda: _run(given), debug=debug)


def _run(arguments: list[str]) -> None:
    from llamabot.app.cli.extra import check_extra

    check_extra()
    from llamabot.app.cli.application import run

    run(arguments)
