"""`pytest --llamabot-contract-report` says what was proven of each adapter; without it the plugin costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llamabot.testing.contracts import ClockContract
from llamabot.testing.contracts.contract import standard_tests

pytestmark = pytest.mark.slow

ADAPTERS = """
import pytest
from llamabot.testing import FunctionCompletion, VirtualClock
from llamabot.testing.contracts import ClockContract, CompletionContract

class TestVirtualClock(ClockContract):
    def make(self):
        return VirtualClock()
    def let_pass(self, clock, seconds):
        clock.sleep(seconds)

class Shifty(VirtualClock):
    def now_ns(self):
        return super().now_ns() / 1
    def monotonic_ns(self):
        return -super().monotonic_ns()

class TestShifty(TestVirtualClock):
    def make(self):
        return Shifty()
    @pytest.mark.xfail(reason="bug 42")
    def test_counts_whole_nanoseconds(self):
        ClockContract.test_counts_whole_nanoseconds(self)

class TestWaved(TestVirtualClock):
    @pytest.mark.xfail(reason="bug 43")
    def test_counts_whole_nanoseconds(self):
        pass

class TestMute(CompletionContract):
    examples = 3
    not_supported = {"streaming": "the vendor has none"}
    def make(self):
        return FunctionCompletion(lambda request: "yes")

def test_of_another_kind():
    pass
"""
OF_CLOCKS = len(standard_tests(ClockContract))
PLUGIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _pytest(folder: Path, *options: str) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "llamabot.testing.plugin.contract_report",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **PLUGIN}, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_says_what_was_proven_what_was_left_out_and_why(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(ADAPTERS)
    told = _pytest(tmp_path, "-q", "--llamabot-contract-report")
    lines = told[told.index("= llamabot contracts =") :].splitlines()
    assert f"test_mine.py::TestVirtualClock keeps {OF_CLOCKS} of {OF_CLOCKS} promises of ClockContract" in lines
    assert f"test_mine.py::TestShifty keeps {OF_CLOCKS - 4} of {OF_CLOCKS} promises of ClockContract" in lines
    failed, expected = lines.index("  FAILED:"), lines.index("  expected to fail (bug 42):")
    assert "    goes on by as much as passes" in lines[failed:]
    assert lines[expected + 1] == "    counts whole nanoseconds"
    assert f"test_mine.py::TestWaved keeps {OF_CLOCKS - 1} of {OF_CLOCKS} promises of ClockContract" in lines
    assert "  overridden (passes, where the override expects it to fail: bug 43):" in lines
    assert "  not supported (streaming: the vendor has none):" in lines
    assert "    streams the answer it gives whole" in lines
    unproven = lines.index("  not proven (what is sent; sent is not overridden, see the docstring of the contract):")
    assert "    sends the settings and options" in lines[unproven:]


def test_says_what_was_not_run_and_with_v_each_promise(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(ADAPTERS)
    told = _pytest(tmp_path, "-v", "--llamabot-contract-report", "-k", "TestVirtualClock and nanoseconds")
    lines = told[told.index("= llamabot contracts =") :].splitlines()
    assert f"test_mine.py::TestVirtualClock keeps 2 of {OF_CLOCKS} promises of ClockContract" in lines
    assert lines.index("  not run:") < lines.index("  proven:") < lines.index("    counts whole nanoseconds")
    assert "TestMute" not in told[told.index("= llamabot contracts =") :]


def test_loads_nothing_but_pytest_and_says_nothing_if_it_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_it():\n    import sys\n    print('loaded', *sys.modules)\n")
    told = _pytest(tmp_path, "-s")
    loaded = next(line for line in told.splitlines() if "loaded" in line).split()
    assert {"hypothesis", "numpy", "pocketflow", "llamabot.testing.contracts", "llamabot.domain"} & set(loaded) == set()
    assert "llamabot.testing.plugin.contract_report" in loaded
    assert "llamabot contracts" not in told


def test_says_so_if_no_contract_was_run(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_it():\n    pass\n")
    assert "no test of a contract was run" in _pytest(tmp_path, "--llamabot-contract-report")
