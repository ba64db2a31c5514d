"""All contenders on one server, in turn."""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.canned import CHUNKS, provider
from benchmarks.contenders import Contender
from benchmarks.harness import CALIBRATION, Row, Section, ratio, rounds, spread
from benchmarks.peers.contenders import (
    BARE,
    CONTENDERS,
    LIBRARIES,
    LITELLM,
    OPENAI,
    OURS_ON_LITELLM,
    OURS_ON_WIRE,
    STARTS,
    Entry,
)
from benchmarks.peers.measuring import AT_ONCE, CALLS, FAKE_AGENTS, FAKE_TURNS, LOOPS, MANY, STREAMS
from benchmarks.peers.tasks import STEPS
from benchmarks.report import number

__all__ = ["measure"]

_ROUNDS = 5
_PAIRS, _ROUNDS_OF_A_PAIR = 8, 3
_ON_FAKES = {
    "fake turn": "turn, own fake",
    "fake step": "tool step, own fake",
    "recorded turn": "turn, fake, recorded",
    "recorded step": "tool step, fake, recorded",
}
_FIGURES = ("call", "acall", "at once", "fragment", "step", *_ON_FAKES)
_ON_LITELLM = {"call": "a call", "acall": "a call, awaited", "fragment": "a fragment"}
_FRAMEWORKS = tuple(entry for entry in CONTENDERS if entry.place[0].startswith("frameworks."))
_TEXT = f"""
Every contender has an environment and a process of its own; the server of fixed answers is one more process. All ask
the same question in the same form, {CALLS} times in each of {_ROUNDS} rounds, then {AT_ONCE} times at once, then
{STREAMS} streams of {CHUNKS} fragments, then an agent that calls a tool {STEPS} times (by hand, where the contender is
a client); {FAKE_TURNS} turns and {FAKE_AGENTS} agents on the contender's own fake. CPU time of the whole process in
milliseconds, threads included. Ours record everything to SQLite; on fakes nothing, as the others, and once more
everything in memory. Bare HTTP is what the direct adapter stands on, with the same settings, and takes an answer apart
with msgspec; so do urllib3 and aiohttp, which it could have stood on (ADR 0023). LiteLLM with us and without is judged
by {_PAIRS} pairs of processes of their own, {_ROUNDS_OF_A_PAIR} rounds each: what one process has by chance is more
than a few per cent. Starts are CPU time of a fresh process: one that only imports, and one that asks once and ends.
Memory is what a process holds that has imported the contender, and the growth from the 1,000th to the {MANY:,}th call;
files are those that are open after {LOOPS:,} event loops which asked once each. A dash is what a contender does not
have or cannot do; HTTP alone closes no session by itself, and of the older llamabot {MANY:,} calls were not waited for.
"""


def measure() -> Section:
    """Race."""
    with ExitStack() as stack:
        address = stack.enter_context(provider(STEPS))
        variables = {entry.name: stack.enter_context(entry.surroundings()) for entry in (*CONTENDERS, *STARTS)}
        sides = {entry.name: stack.enter_context(_side(entry, address, variables[entry.name])) for entry in CONTENDERS}
        found = rounds(_ROUNDS, _timed(sides) | _started(address, variables))
        kept = {entry.name: _kept(entry, sides[entry.name], variables[entry.name]) for entry in CONTENDERS}
        paired = _paired(address, variables)
    rows = [*_rows(found), *_rows_on_litellm(paired), *_rows_on_fakes(found), *_rows_kept(kept)]
    return Section("The race", _TEXT, rows, spread(found[CALIBRATION]), list(_notes(found, kept)))


def _side(entry: Entry, address: str, variables: Mapping[str, str]) -> Contender:
    return Contender(entry.python, "benchmarks.peers.side", *entry.place, address, variables=variables)


def _timed(sides: Mapping[str, Contender], figures: Iterable[str] = _FIGURES) -> dict[str, Callable[[], Any]]:
    """Return the measurements within a process; what a contender does not have is not a number."""
    return {f"{figure}: {name}": partial(_or_nan, side, figure) for figure in figures for name, side in sides.items()}


def _paired(address: str, variables: Mapping[str, Mapping[str, str]]) -> dict[str, list[float]]:
    """Measure LiteLLM with us and without in pairs of fresh processes."""
    found: dict[str, list[float]] = {}
    for _ in range(_PAIRS):
        with ExitStack() as stack:
            pair = {
                entry.name: stack.enter_context(_side(entry, address, variables[entry.name]))
                for entry in (LITELLM, OURS_ON_LITELLM)
            }
            for name, values in rounds(_ROUNDS_OF_A_PAIR, _timed(pair, _ON_LITELLM)).items():
                found.setdefault(name, []).extend(values)
    return found


def _or_nan(side: Contender, figure: str) -> float:
    answer = side.ask(figure)
    return float("nan") if answer is None else float(answer)


def _started(address: str, variables: Mapping[str, Mapping[str, str]]) -> dict[str, Callable[[], float]]:
    """Return the measurements of whole processes."""
    sides: dict[str, Callable[[], float]] = {}
    for entry in (*CONTENDERS, *STARTS):
        first = ["-m", "benchmarks.peers.side", *entry.place, address, "--first"]
        importing = ["-c", f"import {entry.imports}"]
        sides[f"start: {entry.name}"] = partial(_cpu_ms, entry, first, variables[entry.name])
        sides[f"import: {entry.name}"] = partial(_cpu_ms, entry, importing, variables[entry.name])
    return sides


def _cpu_ms(entry: Entry, arguments: Sequence[str], variables: Mapping[str, str]) -> float:
    """Run a process to its end; return the milliseconds of CPU time that it took."""
    process = subprocess.Popen([entry.python, *arguments], env=dict(variables), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{entry.name} ended with {process.returncode} at {arguments}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


def _kept(entry: Entry, side: Contender, variables: Mapping[str, str]) -> dict[str, float | None]:
    """Return what is measured once, at the end."""
    return {
        "imported": _imported_mib(entry, variables),
        "memory": side.ask("memory") if entry.patient else None,
        "files": side.ask("files") if entry.closing else None,
        "installed": _installed_mib(entry),
    }


def _imported_mib(entry: Entry, variables: Mapping[str, str]) -> float:
    """Return the memory of a process that has imported it; the system's own figure begins with its parent's."""
    code = f"import {entry.imports}; from benchmarks.side import resident_mib; print(resident_mib())"
    done = subprocess.run([entry.python, "-c", code], env=dict(variables), stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _installed_mib(entry: Entry) -> float:
    """Return the size of its packages without those that every environment begins with."""
    (packages,) = entry.folder.glob("lib/python*/site-packages")
    own = [place for place in packages.iterdir() if not re.match(r"pip|setuptools|_distutils", place.name)]
    return sum(file.stat().st_size for place in own for file in (place, *place.rglob("*")) if file.is_file()) / 2**20


def _rows(found: Mapping[str, Sequence[float]]) -> Iterator[Row]:
    for figure, what in (("call", "a call"), ("acall", "a call, awaited"), ("at once", f"one of {AT_ONCE} at once")):
        budget = 0.5 if figure == "at once" else 0.6
        yield _against(found, figure, OURS_ON_WIRE, OPENAI, f"{what}, direct, against the openai client", budget)
    for figure, what in (("call", "a call"), ("acall", "a call, awaited")):
        yield _against(found, figure, OURS_ON_WIRE, BARE, f"{what}, direct, against bare HTTP", 1.5)
    for figure, what in (
        ("call", "a call, direct, against urllib3"),
        ("acall", "a call, awaited, direct, against aiohttp"),
    ):
        yield _against(found, figure, OURS_ON_WIRE, LIBRARIES, what)
    yield _against(found, "fragment", OURS_ON_WIRE, OPENAI, "a fragment, direct, against the openai client", 0.3)
    yield _against(found, "fragment", OURS_ON_WIRE, BARE, "a fragment, direct, against bare parsing", 2)
    httpx, given, container = STARTS
    yield _against(found, "start", given, httpx, "start to first answer, ports given, against bare httpx", 1.5)
    yield _against(found, "start", container, OPENAI, "start to first answer, container and SQLite, against openai", 1)


def _rows_on_litellm(found: Mapping[str, Sequence[float]]) -> Iterator[Row]:
    for figure, what in _ON_LITELLM.items():
        yield _against(found, figure, OURS_ON_LITELLM, LITELLM, f"{what}, on LiteLLM, against bare litellm", 1.03)


def _rows_on_fakes(found: Mapping[str, Sequence[float]]) -> Iterator[Row]:
    for figure, what in (("fake turn", "a turn on fakes"), ("fake step", "a tool step on fakes")):
        best = min(_FRAMEWORKS, key=lambda entry: _median(found, figure, entry.name))
        against = f"against {best.name}, the best of the others"
        yield _against(found, figure, OURS_ON_WIRE, best, f"{what}, {against}", 0.05)
        recorded = found[f"{figure.replace('fake', 'recorded')}: {OURS_ON_WIRE.name}"]
        yield ratio(f"{what}, recorded, {against}", found[f"{figure}: {best.name}"], recorded, "ms", None)


def _rows_kept(kept: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    for entry in (OURS_ON_WIRE, OURS_ON_LITELLM):
        grown, left = float(kept[entry.name]["memory"]), float(kept[entry.name]["files"])
        yield Row(f"growth from call 1,000 to {MANY:,}, {entry.name}", spread([grown] * 2), "MiB", 10)
        yield Row(f"files left open by {LOOPS:,} loops, {entry.name}", spread([left] * 2), "", 0)


def _against(
    found: Mapping[str, Sequence[float]], figure: str, ours: Entry, other: Entry, what: str, budget: float | None = None
) -> Row:
    return ratio(what, found[f"{figure}: {other.name}"], found[f"{figure}: {ours.name}"], "ms", budget)


def _median(found: Mapping[str, Sequence[float]], figure: str, name: str) -> float:
    """Return the median, infinite where there is none."""
    values = found.get(f"{figure}: {name}", ())
    return statistics.median(values) if values and not math.isnan(values[0]) else math.inf


def _notes(found: Mapping[str, Sequence[float]], kept: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    head = [
        "",
        "call",
        "awaited",
        f"{AT_ONCE} at once",
        "fragment",
        "tool step",
        *_ON_FAKES.values(),
    ]
    yield _table(head, [[e.name, *(_cell(found, figure, e) for figure in _FIGURES)] for e in CONTENDERS])
    head = ["", "import, CPU ms", "start to first answer, CPU ms"]
    rows = [[e.name, *(_cell(found, figure, e) for figure in ("import", "start"))] for e in (*CONTENDERS, *STARTS)]
    yield _table(head, rows)
    head = ["", "installed, MiB", "imported, MiB", "growth, MiB", "files left open"]
    figures = ("installed", "imported", "memory", "files")
    rows = [[e.name, *(_told(kept[e.name][figure]) for figure in figures)] for e in CONTENDERS]
    yield _table(head, rows)
    yield "Versions: " + "; ".join(f"{entry.name}: {', '.join(_versions(entry))}" for entry in CONTENDERS) + "."


def _cell(found: Mapping[str, Sequence[float]], figure: str, entry: Entry) -> str:
    values = found.get(f"{figure}: {entry.name}", ())
    if not values or math.isnan(values[0]):
        return "–"
    told = spread(values)
    return f"{number(told.median)} ({number(told.low)} to {number(told.high)})"


def _told(value: float | None) -> str:
    return "–" if value is None else number(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _versions(entry: Entry) -> list[str]:
    """Return what is installed in an environment, of the distributions that are told."""
    command = [entry.python, "-m", "pip", "list", "--format=json"]
    listed = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return [f"{one['name']} {one['version']}" for one in listed if one["name"] in entry.shown]
