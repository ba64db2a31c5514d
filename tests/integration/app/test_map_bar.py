"""The bar of a map: on a terminal, in a notebook, in a pipe; and none where nobody looks."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llamabot as lmb
from llamabot.app.progress import NotebookBar
from llamabot.testing import FunctionCompletion, InMemoryRecorder

PROGRAM = """
import sys
import llamabot as lmb
from llamabot.testing import FunctionCompletion, InMemoryRecorder
bot = lmb.SimpleBot(model="fake", completion=FunctionCompletion(lambda _: "yes"), recorder=InMemoryRecorder())
wanted = {"True": True, "False": False, "None": None}[sys.argv[1]]
print(sum(1 for _ in bot.map(["a", "b", "c"], progress=wanted)))
"""

# A kernel's shell, as far as it is looked at.
NOTEBOOK = """
import sys, types
class ZMQInteractiveShell: ...
class DisplayHandle:
    def display(self, bundle, raw): print("display", bundle["text/plain"].count("3/3"))
    def update(self, bundle, raw): print("update", bundle["text/plain"].count("3/3"))
sys.modules["IPython"] = types.SimpleNamespace(
    get_ipython=ZMQInteractiveShell, display=types.SimpleNamespace(DisplayHandle=DisplayHandle)
)
"""


def _ran(program: str, wanted: str) -> tuple[str, str]:
    command = [sys.executable, "-c", program, wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def test_writes_its_last_state_where_a_bar_is_asked_for_and_nobody_looks(capfd: pytest.CaptureFixture[str]) -> None:
    bot = lmb.SimpleBot(model="fake", completion=FunctionCompletion(lambda _: "yes"), recorder=InMemoryRecorder())
    assert len(list(bot.map(["a", "b", "c"], progress=True))) == 3
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err


def test_draws_in_a_notebook_and_once_more_at_the_end() -> None:
    out, err = _ran(NOTEBOOK + PROGRAM, "None")
    assert out.startswith("display 0\n")
    assert out.endswith("update 1\n3\n")
    assert err == ""


@pytest.mark.parametrize("wanted", [False, None])
def test_is_none_where_nobody_looks(wanted: bool | None, capfd: pytest.CaptureFixture[str]) -> None:
    bot = lmb.SimpleBot(model="fake", completion=FunctionCompletion(lambda _: "yes"), recorder=InMemoryRecorder())
    assert len(list(bot.map(["a"], progress=wanted))) == 1
    assert capfd.readouterr() == ("", "")


def test_says_what_was_done_what_failed_and_what_it_costs() -> None:
    drawn: list[str] = []
    now_s = 0.0
    bar = NotebookBar(drawn.append, lambda: now_s)
    bar(lmb.MapProgress(1000))
    bar(lmb.MapProgress(1000, done=12))
    assert len(drawn) == 1, "it was drawn just now"
    now_s = 1.0
    bar(lmb.MapProgress(1000, done=212, failed=3, from_log=200, cost_usd=1.234))
    assert "212/1,000, 3 failed, 200 from the log, $1.23" in drawn[-1]
    bar(lmb.MapProgress(None, done=1000, cost_usd=0.5, is_priced=False))
    bar.close()
    assert "1,000, $0.5 and more" in drawn[-1]
    assert "/s" in drawn[-1] or "/min" in drawn[-1]
