"""Try changes: a pytest plugin that runs no test itself; it forks for each change, and the fork runs those it concerns.

The process that forks has no thread and holds no lock; a fork begins where the tests are collected and all is imported.
A change is put in by giving the function its new code, wherever the function is by then. What is measured is the fork's
own time on a processor, so that a busy machine does not decide.
"""

from __future__ import annotations

import ast
import gc
import os
import resource
import shutil
import signal
import tempfile
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import inf
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from mutation.changes import Change, FunctionNode, codes, first_line
from mutation.suite import ROOT

MEMORY_BYTES = 6 << 30
RUNS = "runs.txt"  # the name of the test that a fork runs
KILLED, PUT_IN_FAILED, LATE = 1, 9, 3
STUCK_S, IDLE_S = 10, 0.005
"""For so many seconds, in each of which it works less than this, a fork may wait."""
REMEMBERED = 8


@dataclass(frozen=True)
class Verdict:
    """What became of one change: `killed`, with the test that noticed, `lived`, `unreached`, `late` or `impossible`.

    `late` are those that no test noticed within the patience there was: they live as far as is known.
    """

    change: Change
    outcome: str
    by: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A change, and the names of the tests that reach it, quick ones first, each with the seconds it may work."""

    change: Change
    tests: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class _Running:
    trial: Trial
    folder: Path


class Trials:
    """The plugin: tries changes, `jobs` at a time, and hands each verdict over as it comes.

    Args:
        patience_s: after so much work a fork begins no further test.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        jobs: int,
        tell: Callable[[Verdict], None],
        root: Path = ROOT,
        patience_s: float = inf,
    ) -> None:
        """Take what to try."""
        self._trials = trials
        self._patience_s = patience_s
        self._jobs = jobs
        self._tell = tell
        self._root = root
        self._running: dict[int, _Running] = {}
        self._noticed: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
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
                threading.Thread(target=_end_if_stuck, daemon=True).start()
                code = self._tried([(items[name], limit_s) for name, limit_s in self._order(trial)], folder)
            finally:
                os._exit(code)
        self._running[pid] = _Running(trial, folder)

    def _order(self, trial: Trial) -> list[tuple[str, float]]:
        """Return a change's tests: first those that noticed others of its function, then of its file."""
        limits = dict(trial.tests)
        first = [name for place in _places(trial.change) for name in self._noticed[place] if name in limits]
        return [(name, limits[name]) for name in dict.fromkeys([*first, *limits])]

    def _tried(self, chosen: list[tuple[pytest.Item, float]], folder: Path) -> int:
        """Run tests until one fails, each told before it begins; one that works too long ends the process as failed."""
        following = [item for item, _ in chosen[1:]]
        for (item, limit_s), after in zip(chosen, [*following, None], strict=True):
            if time.process_time() > self._patience_s:
                return LATE
            (folder / RUNS).write_text(item.nodeid, encoding="utf-8")
            signal.setitimer(signal.ITIMER_PROF, limit_s)
            item.add_marker(pytest.mark.timeout(0), append=False)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self._failed:
                return KILLED
        return 0

    def _remember(self, change: Change, name: str) -> None:
        for place in _places(change):
            noticed = self._noticed[place]
            if name in noticed:
                noticed.remove(name)
            noticed.appendleft(name)

    def _reap(self) -> None:
        pid, status, usage = os.wait4(-1, 0)
        running = self._running.pop(pid)
        runs = running.folder / RUNS
        name = runs.read_text(encoding="utf-8") if runs.exists() else ""
        shutil.rmtree(running.folder, ignore_errors=True)
        outcome = {0: "lived", LATE: "late", PUT_IN_FAILED: "impossible"}.get(
            os.waitstatus_to_exitcode(status), "killed"
        )
        by = name if outcome == "killed" else ""
        if by:
            self._remember(running.trial.change, by)
        self._tell(Verdict(running.trial.change, outcome, by, usage.ru_utime + usage.ru_stime))


def _places(change: Change) -> tuple[str, str]:
    return f"{change.file} {change.function}", change.file


def _end_if_stuck() -> None:
    """End the process as one whose test failed once it has not worked for a while: it waits for what never comes.

    Moments are counted in which this thread had its turn and the others did not want theirs.
    """
    still, before = 0, time.process_time()
    while still < STUCK_S:
        time.sleep(1)
        now = time.process_time()
        still = 0 if now - before > IDLE_S else still + 1
        before = now
    os._exit(KILLED)


def _stand_alone(folder: Path) -> None:
    """Give a fork a home and a place for temporary files of its own, no voice, and an end to its memory."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.environ["HOME"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def put_in(change: Change, functions: dict[tuple[str, str, int], list[FunctionType]], root: Path) -> None:
    """Give every function made from the changed lines its new code, and new values for what need not be given.

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
        if change.around:
            _put_defaults_in(function, new, change)


def _put_defaults_in(function: FunctionType, new: CodeType, change: Change) -> None:
    nodes = ast.walk(ast.parse(change.text))
    given = next(n.args for n in nodes if isinstance(n, FunctionNode) and first_line(n) == new.co_firstlineno)
    values = [eval(ast.unparse(node), function.__globals__) for node in given.defaults]  # noqa: S307  (our own code)
    function.__defaults__ = tuple(values) or None
    function.__kwdefaults__ = {  # type: ignore[assignment]
        name.arg: eval(ast.unparse(node), function.__globals__)  # noqa: S307  (our own code)
        for name, node in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if node is not None
    } or None


def _functions_by_place(files: set[str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    """Return all living functions of some files, by file, qualified name and first line."""
    found: dict[tuple[str, str, int], list[FunctionType]] = {}
    gc.unfreeze()  # what the tests' own conftest has frozen is not among the objects that are listed
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename in files:
            code = thing.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(thing)
    return found
