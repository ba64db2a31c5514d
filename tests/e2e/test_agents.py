"""Agents as a user meets them on a terminal: asked for a yes, stopped, killed, gone on with, drawn."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.command import Ended, Terminal, look, run
from tests.e2e.test_start import HEAVY, loaded
from tests.project import ROOT

PROGRAM = Path(__file__).with_name("deciding.py")
TOOLS = """
import asyncio, os, signal, time
from pathlib import Path
import llamabot as lmb

@lmb.tool(needs_approval=True)
def pay(amount: int, to: str) -> str:
    "Pay someone."
    with Path("paid").open("a") as file:
        file.write(f"{amount} to {to}\\n")
    return f"paid {amount} to {to}"

def wait(seconds: float) -> str:
    "Wait."
    if Path("waited").exists():
        return "had waited before"
    Path("waited").touch()
    time.sleep(seconds)
    return "waited"

@lmb.tool(idempotent=False)
def die(note: str) -> str:
    "Break off."
    os.kill(os.getpid(), signal.SIGKILL)

async def hang(note: str) -> str:
    "Hang."
    with Path("hung").open("a") as file:
        file.write(note)
    await asyncio.sleep(60)

hanging = lmb.AsyncAgentBot("Hang.", tools=[hang], name="agent", model="m")

def read(name: str) -> str:
    "Read."
    return "\\x1b]0;title\\x07 " + "word " * 400
"""
PAY = ["pay", {"amount": 5, "to": "Ana \x1b[2J"}]


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "tools.py").write_text(TOOLS)


def _model(*steps: Any) -> tuple[str, ...]:
    """Return a `llamabot` whose model takes these steps."""
    return (sys.executable, str(PROGRAM), json.dumps(steps))


def _piped(*arguments: str, steps: tuple[Any, ...] = ()) -> Ended:
    command = [*_model(*steps), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def _hint(text: str) -> list[str]:
    """Return the words of the command that goes on with a run."""
    line = next(line for line in text.splitlines() if line.startswith("  llamabot resume "))
    return shlex.split(line)[1:]


def test_asks_for_a_yes_and_shows_what_it_is_for() -> None:
    with Terminal("agent", "--tools", "tools:pay", "?", program=_model(PAY, "Paid.")) as terminal:
        asked = terminal.wait_for("Run it? [y/N] ")
        assert "pay needs your yes" in asked
        assert '"amount": 5,\n    "to": "Ana \\u001b[2J"\n' in asked
        assert not Path("paid").exists()
        terminal.type("y\n")
        assert terminal.end() == 0
    assert terminal.text.endswith("Paid.\n")
    assert "\x1b[2J" not in terminal.seen
    assert len(Path("paid").read_text().splitlines()) == 1
    assert "ask_approval  pay: approved by " in look("show").out


def test_writes_text_as_it_comes_and_the_answer_once() -> None:
    steps = (["read", {"name": "x"}, "I will read. "], "It is read.")
    with Terminal("agent", "--tools", "tools:read", "?", program=_model(*steps), columns=60) as terminal:
        assert terminal.end() == 0
    lines = [line[:20].strip() for line in terminal.text.splitlines()]
    assert lines == ["I will read.", '→ read {"name": "x"}', "← read: ␛]0;title␇ w", "It is read."]


def test_a_larger_limit_holds_after_a_yes_too() -> None:
    arguments = ("--tools", "tools:pay")
    assert _piped("agent", *arguments, "-m", "m", "--decisions=1", "?", steps=(PAY,)).status == 4
    with Terminal("resume", "last", *arguments, "--decisions=2", program=_model("Paid.")) as terminal:
        terminal.wait_for("[y/N] ")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert terminal.text.endswith("Paid.\n")


def test_takes_all_but_a_yes_for_a_no() -> None:
    with Terminal("agent", "--tools", "tools:pay", "?", program=_model(PAY, PAY, PAY, "A pity.")) as terminal:
        for answer in ("n\n", "\n", "yep\n"):
            terminal.wait_for("[y/N] ")
            terminal.type(answer)
            terminal.wait_for("The reason, for the model: ")
            terminal.type("too dear\n")
        assert terminal.end() == 0
    assert terminal.text.endswith("A pity.\n")
    assert not Path("paid").exists()
    assert look("show").out.count("ask_approval  pay: denied") == 3


@pytest.mark.parametrize(("keys", "status"), [("\x04", 4), ("\x03", 130)])
def test_leaves_the_run_waiting_if_nobody_answers(keys: str, status: int) -> None:
    with Terminal("agent", "--tools", "tools:pay", "-m", "m", "?", program=_model(PAY), columns=200) as terminal:
        terminal.wait_for("[y/N] ")
        time.sleep(0.3)  # Python is deaf to Ctrl-C between writing a prompt and reading
        terminal.type(keys)
        assert terminal.end() == status
    assert "Traceback" not in terminal.text
    assert look("runs", "--status", "paused").out.count("paused") == 1
    again = [word for word in _hint(terminal.text) if word not in ("--approve", "call_pay")]
    with Terminal(*again, program=_model("Paid.")) as terminal:
        terminal.wait_for("[y/N] ")
        terminal.type("yes\n")
        assert terminal.end() == 0
    assert len(Path("paid").read_text().splitlines()) == 1


def test_ctrl_c_names_the_run_and_it_goes_on() -> None:
    steps = ["wait", {"seconds": 60}]
    with Terminal("agent", "--tools", "tools:wait", "-m", "m", "?", program=_model(steps), columns=200) as terminal:
        terminal.wait_for("→ wait")
        while not Path("waited").exists():
            time.sleep(0.01)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.text
    assert "agent  cancelled" in look("show").out
    ended = _piped(*_hint(terminal.text), steps=("Done.",))
    assert (ended.status, ended.out) == (0, "Done.\n")
    assert "← wait: had waited before" in ended.err


def test_ctrl_c_stops_async_tools_and_async_bots() -> None:
    arguments = ["agent", "--tools", "tools:hang", "-m", "m", "-s", "Hang.", "?"]
    for number in (1, 2):
        with Terminal(*arguments, program=_model(["hang", {"note": "x"}]), columns=200) as terminal:
            while not Path("hung").exists() or Path("hung").stat().st_size < number:
                time.sleep(0.01)
            terminal.type("\x03")
            assert terminal.end() == 130
        assert "Traceback" not in terminal.text
        assert "agent  cancelled" in look("show").out
        assert _hint(terminal.text)[0] == "resume"
        arguments = ["resume", "last", "--bot", "tools:hanging"]


def test_a_killed_run_asks_what_came_of_it() -> None:
    died = _piped("agent", "--tools", "tools:die", "-m", "m", "?", steps=(["die", {"note": "x"}],))
    assert died.status == -signal.SIGKILL
    waiting = _piped("resume", "last", "--tools", "tools:die")
    assert (waiting.status, waiting.out) == (4, "")
    hint = _hint(waiting.err)
    assert hint[-2:] == ["--outcome", "call_die=text"]
    told = _piped(*hint[:-1], "call_die=it was sent", steps=("Done.",))
    assert (told.status, told.out) == (0, "Done.\n")
    tree = look("show").out
    assert tree.count("call_tool  die") == 1
    assert "result    it was sent" in tree


def test_offers_the_tools_of_a_program_that_speaks_mcp() -> None:
    server = shlex.join([sys.executable, "-S", "-E", str(ROOT / "tests" / "servers" / "mcp_bare.py")])
    listed = _piped("agent", "--mcp", server, "-m", "m", "?", steps=("No tool needed.",))
    assert (listed.status, listed.out) == (0, "No tool needed.\n")
    line = next(line for line in look("show").out.splitlines() if "list_tools" in line)
    assert line.count("__") > 1
    gone = _piped("agent", "--mcp", "no-such-program", "-m", "m", "?")
    assert (gone.status, gone.out) == (2, "")
    assert "no-such-program" in gone.err


@pytest.mark.parametrize(("columns", "colour"), [(120, {}), (80, {"NO_COLOR": "1"})])
def test_draws_within_the_terminal(columns: int, colour: dict[str, str]) -> None:
    steps = (["read", {"name": "n" * 300}], "Read.")
    arguments = ("agent", "--tools", "tools:read", "-m", "m", "?")
    with Terminal(*arguments, program=_model(*steps), columns=columns, **colour) as terminal:
        assert terminal.end() == 0
    assert ("\x1b[" in terminal.seen) is not bool(colour)
    assert "\x1b]" not in terminal.seen
    told = terminal.text.splitlines()
    assert [line[0] for line in told] == ["→", "←", "R"]
    assert max(map(len, told)) == columns
    with Terminal("show", columns=columns, **colour) as terminal:
        assert terminal.end() == 0
    assert max(map(len, terminal.text.splitlines())) <= columns
    assert "more characters (--full)" in terminal.text


def test_starts_without_a_models_machinery() -> None:
    _piped("agent", "--tools", "tools:read", "-m", "m", "?", steps=("a",))
    for command in (["agent", "--help"], ["export", "last", "x.json"], ["show"]):
        assert loaded(*command) & {*HEAVY, "asyncio", "pocketflow", "mcp"} == set(), command


@pytest.mark.embedded
def test_works_with_the_embedded_model() -> None:
    function = "def count_word(word: str) -> str:\n    'Count how often a word occurs.'\n    return 'Seven times.'\n"
    Path("words.py").write_text(function)
    done = run(
        *("agent", "--tools", "words:count_word", "-m", "embedded/smollm2", "-t", "0", "--decisions=1"),
        'How often does the word "bot" occur?',
    )
    assert "→ count_word" in done.err
    assert "← count_word: Seven times." in done.err
    assert done.status == 3  # a model of this size may ask again and again: one decision is enough
