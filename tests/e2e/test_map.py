"""A map on a terminal: how far it is, and two kinds of Ctrl-C."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.e2e.command import LLAMABOT, Terminal

OWN = """
import threading
from pathlib import Path
import llamabot as lmb
from llamabot.testing import FunctionCompletion

def reply(request):
    text = request.messages[-1].text
    if text == "slow" and not Path("quick").exists():
        threading.Event().wait(60)
    return lmb.Completion(lmb.assistant(text.upper()), lmb.FinishReason.STOP, lmb.Usage(3, 2), 0.25)

shout = lmb.SimpleBot("Shout.", model="m", completion=FunctionCompletion(reply))
ashout = lmb.AsyncSimpleBot("Shout.", model="m", completion=FunctionCompletion(reply))
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "rows.jsonl").write_text('"a"\n"b"\n"slow"\n"d"\n')


def _values() -> list[str]:
    return [json.loads(line)["value"] for line in Path("out.jsonl").read_text().splitlines()]


def test_ctrl_c_waits_for_answers_and_a_second_one_leaves_them() -> None:
    with Terminal("map", "rows.jsonl", "--bot", "own:shout", "--out", "out.jsonl", program=LLAMABOT) as terminal:
        shown = terminal.wait_for("3/4, $0.75")
        assert "━" in shown
        terminal.type("\x03")
        terminal.wait_for("waiting for the answers that are on their way")
        assert _values() == ["A", "B"], "what was answered is not there yet"
        terminal.type("\x03")
        assert terminal.end() == 130
        # Up to the name: the terminal's own ^C comes when it comes, behind it too.
        hint = re.search(r"^  llamabot map .* --resume map-\w+", terminal.text, re.MULTILINE)
        assert hint, terminal.text
    assert _values() == ["A", "B"]
    Path("quick").touch()
    with Terminal(*shlex.split(hint[0].replace("out.jsonl", "-"))[1:], program=LLAMABOT, columns=300) as terminal:
        assert terminal.end() == 0, terminal.text
        assert "━" not in terminal.text, "a bar is drawn among the answers"
        *lines, summary = terminal.text.splitlines()
        assert [json.loads(line)["value"] for line in lines] == ["A", "B", "SLOW", "D"]
        assert summary == "llamabot: 4 rows; 3 told from the log; 3 in, 2 out; $0.25"


@pytest.mark.parametrize("bot", ["own:shout", "own:ashout"])
def test_answers_a_row_while_the_next_is_not_there_yet(bot: str) -> None:
    with Terminal("map", "-", "--bot", bot, "--out", "out.jsonl", program=LLAMABOT) as terminal:
        terminal.type('"a"\n')
        terminal.wait_for("$0.25")
        assert _values() == ["A"]
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "1 row;" in terminal.text
