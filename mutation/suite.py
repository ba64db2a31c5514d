"""What is changed, and the tests that have to notice."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = "src/llamabot/domain"
TESTS = (
    "tests/unit",
    "tests/property",
    "tests/contract",
    "tests/performance",
    "tests/integration/agents",
    "tests/integration/app",
)
# Without shrinking: that it fails is all one wants to know.
PYTEST = (
    *("-q", "-q", "-s", "--no-header", "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-p", "no:xdist"),
    # They are about shrinking.
    "--deselect=tests/property/test_laws.py::test_the_smallest_model_is_told",
    "--deselect=tests/property/test_laws.py::test_an_error_of_the_bots_own_is_told_with_the_model_that_it_came_of",
    # It counts what is allocated, by who traces lines too.
    "--deselect=tests/performance/test_counts.py::test_calls_allocate_little_and_keep_nothing",
    *("-m", "not (embedded or loopback or slow)", "--hypothesis-profile", "mutation"),
    *(str(ROOT / folder) for folder in TESTS),
)


def fingerprint(*places: str) -> str:
    """Return what changes when a Python file in one of these places does."""
    digest = hashlib.sha256()
    for place in places:
        found = ROOT / place
        for path in [found] if found.is_file() else sorted(found.rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:20]
