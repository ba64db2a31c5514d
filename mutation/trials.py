"""Try changes: a pytest plugin that runs no test itself; it forks for each change, and the fork runs those it concerns.

The process that forks has no thread and holds no lock; a fork begins where the tests are collected and all is imported.
A change is put in by giving the function its new code, wherever the function is by then.
"""

from __future__ import annotations

import gc
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest

from mutation.changes import Change, codes
from mutation.suite import ROOT

MEMORY_BYTES = 6 << 30
KILLED, PUT_IN_FAILED = 1, 9
RUNS = "runs.txt"  # the name of the test that a fork runs


@dataclass(frozen=True)
class Verdict:
    """What became of one change: `killed`, with the test that noticed, `lived`, `unreached` or `impossible`."""

    change: Change
    outcome: str
    by: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A change, and the names of the tests that reach it, quick ones first, each with the seconds it may take."""

    change: Change
    tests: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class _Running:
    trial: Trial
    folder: Path


class Trials:
    """The plugin: tries changes, `jobs` at a time, and hands each verdict over as it comes."""

    def __init__(self, trials: Sequence[Trial], jobs: int, tell: Callable[[Verdict], None], root: Path = ROOT) -> None:
        """Take what to try."""
        self._trials = trials
        self._jobs = jobs
        self._tell = tell
        self._root = root
        self._running: dict[int, _Running] = {}
        self._failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all changes in place of running the tests."""
        items = {item.nodeid: item for item in session.items}
        for file in {trial.change.file for trial in self._trials}:
            import_module(".".join(Path(file).with_suffix("").parts[1:]))
        functions = _functions_by_place({str(self._root / trial.change.file) for trial in self._trials})
        gc.freeze()
        for trial in self._trials:
            if not trial.tests:
                self._tell(Verdict(trial.change, "unreached"))
                continue
            while len(self._running) >= self._jobs:
                self._reap()
            self._fork(trial, items, functions)
        while self._running:
            self._reap()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test failed."""
        self._failed = self._failed or report.failed

    def _fork(
        self, trial: Trial, items: dict[str, pytest.Item], functions: dict[tuple[str, str, int], list[FunctionType]]
    ) -> None:
        folder = Path(tempfile.mkdtemp(prefix="llamabot-mutation-"))
        pid = os.fork()
        if pid == 0:
            code = PUT_IN_FAILED
            try:
                _stand_alone(folder)
                put_in(trial.change, functions, self._root)
                code = KILLED
                code = KILLED if self._any_fails([(items[name], limit) for name, limit in trial.tests], folder) else 0
            finally:
                os._exit(code)
        self._running[pid] = _Running(trial, folder)

    def _any_fails(self, chosen: list[tuple[pytest.Item, float]], folder: Path) -> bool:
        """Run tests until one fails, each told before it begins; one that takes too long ends the process as failed."""
        following = [item for item, _ in chosen[1:]]
        for (item, limit_s), after in zip(chosen, [*following, None], strict=True):
            (folder / RUNS).write_text(item.nodeid, encoding="utf-8")
            item.add_marker(pytest.mark.timeout(limit_s, method="thread"), append=False)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self._failed:
                return True
        return False

    def _reap(self) -> None:
        pid, status, usage = os.wait4(-1, 0)
        running = self._running.pop(pid)
        runs = running.folder / RUNS
        name = runs.read_text(encoding="utf-8") if runs.exists() else ""
        shutil.rmtree(running.folder, ignore_errors=True)
        outcome = {0: "lived", PUT_IN_FAILED: "impossible"}.get(os.waitstatus_to_exitcode(status), "killed")
        by = name if outcome == "killed" else ""
        self._tell(Verdict(running.trial.change, outcome, by, usage.ru_utime + usage.ru_stime))


def _stand_alone(folder: Path) -> None:
    """Give a fork a home and a place for temporary files of its own, no voice, and an end to its memory."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.environ["HOME"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def put_in(change: Change, functions: dict[tuple[str, str, int], list[FunctionType]], root: Path) -> None:
    """Give every function made from the changed lines its new code.

    Raises:
        LookupError: no such function is alive.
        ValueError: the new code closes over other names.
    """
    file = str(root / change.file)
    place = (file, change.function, change.first_line)
    module = compile(change.text, file, "exec", dont_inherit=True)
    new = next(code for code in codes(module) if (code.co_qualname, code.co_firstlineno) == place[1:])
    for function in functions[place]:
        function.__code__ = new


def _functions_by_place(files: set[str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    """Return all living functions of some files, by file, qualified name and first line."""
    found: dict[tuple[str, str, int], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename in files:
            code = thing.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(thing)
    return found
