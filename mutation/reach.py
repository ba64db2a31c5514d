"""Which tests run which lines of the domain, and how long each takes: `python -m mutation.reach FILE`."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from coverage import Coverage

from mutation.suite import DOMAIN, PYTEST, ROOT


class Reach:
    """A pytest plugin that traces the domain, a context a test."""

    def __init__(self) -> None:
        """Trace nothing yet."""
        self.coverage = Coverage(data_file=None, source=[str(ROOT / DOMAIN)], config_file=False)
        self.seconds: dict[str, float] = defaultdict(float)
        self.coverage.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Trace for this test from now on."""
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what a test takes with its fixtures."""
        self.seconds[report.nodeid] += report.duration

    def found(self) -> dict[str, object]:
        """Return for each file and line the tests that run it, and the seconds of each test."""
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {
            Path(file).relative_to(ROOT).as_posix(): {
                line: sorted(filter(None, contexts)) for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        return {"lines": lines, "seconds": self.seconds}


def main(target: Path) -> int:
    """Run the suite and write what was found; return pytest's code."""
    reach = Reach()
    code = int(pytest.main(list(PYTEST), plugins=[reach]))
    if code == 0:
        target.write_text(json.dumps(reach.found()), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
