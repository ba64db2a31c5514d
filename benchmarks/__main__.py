"""Run the subjects, each in a process of its own, and write down what came out."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import msgspec

from benchmarks.harness import Section
from benchmarks.machine import machine
from benchmarks.report import document, renewed, section_text

SUBJECTS = (
    "imports", "bots", "maps", "agents", "litellm_calls", "transports", "recording", "embedding", "retrieval",
    "docstore", "docstore_million", "answers", "kit", "demo", "peers",
)  # fmt: skip
BY_ITSELF = {"docstore_million", "peers"}  # a quarter of an hour and more; environments of others
ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Measure all subjects and write the document, or print some."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="SUBJECT",
        help=f"of {', '.join(SUBJECTS)}; none is all but {', '.join(BY_ITSELF)}",
    )
    parser.add_argument("--write", action="store_true", help="put the subjects that are named into the document too")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    if given.json:
        sys.stdout.buffer.write(msgspec.json.encode(_measured(given.subjects[0])))
        return
    found = machine()
    print("; ".join(found.values()), file=sys.stderr)
    subjects = given.subjects or [subject for subject in SUBJECTS if subject not in BY_ITSELF]
    sections = [_in_process_of_its_own(subject) for subject in subjects]
    if given.write or not given.subjects:
        facts = {**found, "load when it ended": _load()}
        old = DOCUMENT.read_text(encoding="utf-8")
        text = renewed(old, sections, facts) if given.subjects else document(sections, facts, old)
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"written to {DOCUMENT.relative_to(ROOT)}", file=sys.stderr)


def _measured(subject: str) -> Section:
    section: Section = import_module(f"benchmarks.{subject}").measure()
    return section


def _in_process_of_its_own(subject: str) -> Section:
    """Measure from an empty folder, without the settings of whoever runs this."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLAMABOT_")}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "benchmarks", "--json", subject]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return Section(subject, "**Could not be measured:** it ended with an error.", [])
    section = msgspec.json.decode(done.stdout, type=Section)
    print(section_text(section), flush=True)
    return section


def _load() -> str:
    return ", ".join(f"{load:.1f}" for load in os.getloadavg()) + " processes (1, 5, 15 minutes)"


if __name__ == "__main__":
    main()
