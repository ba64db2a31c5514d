"""`pytest --llamabot-contract-report`: what was proven of each adapter, what was left out, and why."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

__all__ = ["ContractReport", "pytest_addoption", "pytest_configure"]

_NAME = "llamabot_contract"
# The last one counts of what the cases of one test came to.
_ORDER = ("not run", "proven", "not proven", "not supported", "expected to fail", "overridden", "FAILED")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("llamabot")
    group.addoption(
        "--llamabot-contract-report",
        action="store_true",
        help="tell which promises of its port each adapter was proven to keep",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take notes, if the report is wanted."""
    if config.getoption("llamabot_contract_report"):
        config.pluginmanager.register(ContractReport(), "llamabot-contract-report")


class ContractReport:
    """What the tests of contracts came to, by class."""

    def __init__(self) -> None:
        self._classes: dict[str, _Class] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write on the report of a standard test whose promise it is; it travels with it from xdist's workers."""
        report = yield
        kind: Any = getattr(item, "cls", None)
        test = getattr(item, "originalname", item.name)
        if test in getattr(kind, "llamabot_promises", ()):
            told = {"contract": kind.llamabot_contract, "promises": [*kind.llamabot_promises], "test": test}
            setattr(report, _NAME, told)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a standard test came to."""
        told = getattr(report, _NAME, None)
        if told is None:
            return
        name = report.nodeid.rpartition("::")[0]
        self._classes.setdefault(name, _Class(told)).note(told["test"], *_outcome(report))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell it."""
        terminalreporter.section("llamabot contracts")
        if not self._classes:
            terminalreporter.line("no test of a contract was run")
        for name, noted in sorted(self._classes.items()):
            for line in noted.lines(name, verbose=terminalreporter.config.get_verbosity() > 0):
                terminalreporter.line(line)


class _Class:
    """One class of an adapter's tests."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._contract = told["contract"]
        self._outcomes = dict.fromkeys(told["promises"], ("not run", ""))

    def note(self, test: str, outcome: str, reason: str) -> None:
        self._outcomes[test] = max(self._outcomes[test], (outcome, reason), key=lambda one: _ORDER.index(one[0]))

    def lines(self, name: str, *, verbose: bool) -> list[str]:
        by_outcome: dict[tuple[str, str], list[str]] = {}
        for test, outcome in self._outcomes.items():
            by_outcome.setdefault(outcome, []).append(test.removeprefix("test_").replace("_", " "))
        proven = len(by_outcome.get(("proven", ""), ()))
        told = [f"{name} keeps {proven} of {len(self._outcomes)} promises of {self._contract}"]
        for (kind, reason), promises in sorted(by_outcome.items()):
            if kind != "proven" or verbose:
                told.append(f"  {kind}{reason and f' ({reason})'}:")
                told += [f"    {promise}" for promise in promises]
        return told


def _outcome(report: pytest.TestReport) -> tuple[str, str]:
    """Return what a phase of a test came to, and why."""
    if report.failed:
        return "FAILED", ""
    if report.skipped and hasattr(report, "wasxfail"):
        return "expected to fail", _why(report)
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return _left_out(reason.removeprefix("Skipped: "))
    if hasattr(report, "wasxfail"):
        return "overridden", f"passes, where the override expects it to fail: {_why(report)}"
    return ("proven", "") if report.when == "call" else ("not run", "")


def _left_out(reason: str) -> tuple[str, str]:
    """Return what was left out, and why: nobody showed how to prove it, or the adapter cannot do it."""
    kind, mark, what = reason.partition(": ")
    return (kind, what) if mark and kind == "not proven" else ("not supported", reason)


def _why(report: Any) -> str:
    return str(report.wasxfail).removeprefix("reason: ")
