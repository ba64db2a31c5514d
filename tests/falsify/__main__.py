"""`make falsify`: what is wrong is caught, what is right passes with any seed; writes the table and the record."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.falsify.table import PAGE, RECORD, page

RIGHT = ("tests/contract", "tests/falsify/test_right_ones.py")


def main(runs: int) -> int:
    """Try the wrong ones once and the right ones so many times; return 0 if all is as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes")
        RECORD.unlink(missing_ok=True)
        failed = _pytest("tests/falsify", FALSIFY_NOTES=str(notes))
        found = [json.loads(line) for line in notes.read_text().splitlines()]
    RECORD.write_text(json.dumps(dict(sorted(found)), indent=1) + "\n")
    PAGE.write_text(page(dict(found)))
    print(f"{len(found)} bugs were caught; {PAGE.name} says by what")
    for run in range(1, runs + 1):
        seed = random.randrange(2**32)
        print(f"right adapters, run {run} of {runs}: --hypothesis-seed={seed}", flush=True)
        failed = _pytest(*RIGHT, f"--hypothesis-seed={seed}") or failed
    return failed


def _pytest(*arguments: str, **environment: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, check=False)
    return int(done.returncode != pytest.ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
