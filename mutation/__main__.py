"""Try every change of the domain, or those of some files, and write docs/mutation.md when all are tried.

What is known is kept in `.cache/mutation/`: a change is tried again when its file changed, when the test that killed it
did, or, if it lived, when any test did. So an interrupted run goes on where it was. Other files of the library count
for nothing there: `make clean` before it tries everything anew.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from mutation.changes import Change, changes
from mutation.report import Outcome, Reason, document, judged, share, table
from mutation.suite import DOMAIN, PYTEST, ROOT, TESTS, fingerprint
from mutation.trials import Trial, Trials, Verdict

CACHE = ROOT / ".cache" / "mutation"
DOCUMENT = ROOT / "docs" / "mutation.md"
REASONS = Path(__file__).with_name("reasons.toml")
LEAST_S, SLOWER = 2.0, 5.0
LIBRARY, SUITE = ("src/llamabot",), ("tests",)


def main() -> int:
    """Try, tell and write; return 1 if a survivor has no reason or a reason no survivor."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__)
    parser.add_argument("files", nargs="*", help="of src/llamabot/domain; none is all")
    parser.add_argument("--jobs", type=int, default=2, help="changes that are tried at the same time")
    parser.add_argument("--patience", type=float, default=2.5, help="seconds of work a change is worth")
    given = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    everything = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / DOMAIN).rglob("*.py"))
    if unknown := set(given.files) - set(everything):
        parser.error(f"not of {DOMAIN}: {', '.join(sorted(unknown))}")
    made = [change for file in given.files or everything for change in changes(ROOT, file)]
    outcomes = _outcomes(made, Known(CACHE / "known.jsonl", given.patience), given.jobs)
    return _told(outcomes, whole=not given.files, patience_s=given.patience)


class Known:
    """The verdicts of this run and of those before it, on disk as they come."""

    def __init__(self, path: Path, patience_s: float) -> None:
        """Read what is there; later lines stand."""
        self._path = path
        self.patience_s = patience_s
        self._suite = fingerprint(*TESTS)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.found: dict[str, Mapping[str, Any]] = {}
        for line in lines:
            entry = json.loads(line)
            if self._holds(entry):
                self.found[entry["key"]] = entry

    def _holds(self, entry: Mapping[str, Any]) -> bool:
        if entry["outcome"] == "late" and entry["cpu_s"] < self.patience_s:
            return False
        return entry["suite"] == (
            _of_test(entry["by"]) if entry["outcome"] == "killed" and entry["by"] else self._suite
        )

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict with what it depends on."""
        suite = _of_test(verdict.by) if verdict.by else self._suite
        entry = {
            "key": verdict.change.key,
            "outcome": verdict.outcome,
            "by": verdict.by,
            "cpu_s": round(verdict.cpu_s, 3),
            "suite": suite,
        }
        self.found[verdict.change.key] = entry
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _of_test(name: str) -> str:
    return fingerprint(name.partition("::")[0])


def _outcomes(made: list[Change], known: Known, jobs: int) -> list[Outcome]:
    left = [change for change in made if change.key not in known.found]
    if left:
        trials = _trials(left, _reach())
        tried = iter(range(1, len(trials) + 1))

        def tell(verdict: Verdict) -> None:
            known.add(verdict)
            print(f"{next(tried)}/{len(trials)} {verdict.outcome} {verdict.cpu_s:.1f} s {verdict.change.file} "
                  f"{verdict.change.function}", file=sys.stderr)  # fmt: skip

        pytest.main(list(PYTEST), plugins=[Trials(trials, jobs, tell, patience_s=known.patience_s)])
    return [
        Outcome(c.file, c.function, c.lines[0], c.old, c.new, known.found[c.key]["outcome"])
        for c in made
        if c.key in known.found
    ]


def _reach() -> dict[str, dict[str, object]]:
    """Return what the tests reach, traced anew if the library or a test changed."""
    path = CACHE / f"reach-{fingerprint(*LIBRARY, *SUITE)}.json"
    if not path.exists():
        for old in CACHE.glob("reach-*.json"):
            old.unlink()
        print("Tracing which test runs which line ...", file=sys.stderr)
        if subprocess.run([sys.executable, "-m", "mutation.reach", path], cwd=ROOT, check=False).returncode:
            sys.exit("The tests fail on the domain as it is.")
    return json.loads(path.read_text(encoding="utf-8"))


def _trials(left: list[Change], reach: dict[str, dict[str, object]]) -> list[Trial]:
    """Return each change with its tests: those that run a changed line, and its function if that tells not all of them.

    A signature runs when its module is loaded, which is in whatever test is the first to need it.
    """
    seconds = reach["seconds"]
    trials = []
    for change in left:
        lines = reach["lines"].get(change.file, {})
        names = _on(lines, change.lines) | _on(lines, change.around)
        quick_first = sorted(names, key=lambda name: (seconds[name], name))
        trials.append(Trial(change, [(name, LEAST_S + SLOWER * seconds[name]) for name in quick_first]))
    return trials


def _on(lines: dict[str, list[str]], numbers: tuple[int, ...]) -> set[str]:
    return {name for number in numbers for name in lines.get(str(number), ())}


def _told(outcomes: list[Outcome], whole: bool, patience_s: float) -> int:
    """Print what came out, and write the document if the whole domain was tried."""
    read = tomllib.loads(REASONS.read_text(encoding="utf-8")).get("reason", [])
    reasons = [Reason(**entry) for entry in read]
    found = judged(outcomes, reasons)
    for outcome in found.without:
        print(f"no reason: {outcome.file}:{outcome.line} {outcome.function}: {outcome.text}")
    idle = found.idle if whole else []
    for reason in idle:
        print(f"no survivor: {reason}")
    print(table(outcomes))
    print(f"{share(outcomes):.1%} killed")
    if whole:
        DOCUMENT.write_text(document(outcomes, reasons, _facts(patience_s)), encoding="utf-8")
        print(f"written to {DOCUMENT.relative_to(ROOT)}")
    return 1 if found.without or idle else 0


def _facts(patience_s: float) -> dict[str, str]:
    now = datetime.now(UTC)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {
        "date": f"{now:%Y-%m-%d %H:%M} UTC",
        "Python": python,
        "mutmut": version("mutmut"),
        "patience": f"{patience_s:g} seconds of work a change",
        "the domain's fingerprint": fingerprint(DOMAIN),
    }


if __name__ == "__main__":
    sys.exit(main())
