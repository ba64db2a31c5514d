"""On a terminal: answers as they arrive, nothing obeyed that a model writes, Ctrl-C, Ctrl-D, a reader that leaves."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.e2e.command import LLAMABOT, Terminal, look
from tests.embedded_model import installed_model

import llamabot as lmb
from llamabot.testing import ScriptedCompletion

HOSTILE = ["[bold]red[/bold] ", "\x1b[31", "mred\x1b[0m \x1b]0;title", "\x07\r", "\nthe end"]
ENDLESS = ["word "] * 10_000
PROGRAM = Path(__file__).with_name("scripted.py")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()


@pytest.fixture(autouse=True)
def _buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands' output buffered as it usually is, wherever the tests run."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def _slow(fragments: list[str], pause_s: float) -> tuple[str, ...]:
    """Return a `llamabot` whose model speaks slowly."""
    return (sys.executable, str(PROGRAM), json.dumps(fragments), str(pause_s))


def test_shows_an_answer_as_it_arrives_and_obeys_nothing_in_it() -> None:
    with Terminal("ask", "?", program=_slow(HOSTILE, 0.2)) as terminal:
        terminal.wait_for("[bold]red[/bold]")
        assert "the end" not in terminal.seen
        assert terminal.end() == 0
    assert terminal.seen == "[bold]red[/bold] ␛[31mred␛[0m ␛]0;title␇\r\nthe end\r\n"


def test_dims_reasoning_and_keeps_it_out_of_the_answer() -> None:
    thinking = _slow(["<think>Hm, ", "<think>\x1b[2J", "42"], 0.0)
    with Terminal("ask", "?", program=thinking) as terminal:
        assert terminal.end() == 0
    assert terminal.seen == "\x1b[2mHm, \x1b[0m\x1b[2m␛[2J\x1b[0m\r\n\r\n42\r\n"
    with Terminal("ask", "?", program=thinking, NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert terminal.seen == "Hm, ␛[2J\r\n\r\n42\r\n"
    piped = subprocess.run([*thinking, "ask", "?"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert (piped.stdout, piped.stderr) == (b"42\n", b"")


def test_stops_the_model_at_ctrl_c() -> None:
    with Terminal("ask", "?", program=_slow(ENDLESS, 0.05)) as terminal:
        terminal.wait_for("word word")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert Path("left").exists()
    assert "Traceback" not in terminal.text
    shown = look("show").out
    assert "ask  cancelled" in shown
    assert "word word" in shown


def test_chats_on_after_ctrl_c() -> None:
    with Terminal("chat", program=_slow(["word "] * 40, 0.05)) as terminal:
        terminal.wait_for("> ")
        terminal.type("Tell me a story.\n")
        terminal.wait_for("word word")
        terminal.type("\x03")
        time.sleep(0.3)
        terminal.type("\x03")  # the model is being stopped, which takes it a second
        terminal.wait_for("stopped; the conversation goes on")
        terminal.wait_for("> ")
        assert Path("left").exists()
        time.sleep(0.3)  # Python misses a Ctrl-C between writing a prompt and reading the answer to it
        terminal.type("half a line\x03")
        terminal.wait_for("> ")
        terminal.type("Another.\n")
        terminal.wait_for("word word \n> ")
        terminal.type("\x04")
        assert terminal.end() == 0
    assert "Traceback" not in terminal.text
    shown = look("show").out
    assert shown.startswith("chat  completed")
    assert ("chat  cancelled" in shown, "chat  failed" in shown) == (True, False)
    assert "recalled" not in shown


def test_keeps_prompts_out_of_answers_that_go_elsewhere() -> None:
    program = ("sh", "-c", '"$@" > answers', "sh", *_slow(["yes"], 0.0))
    with Terminal("chat", program=program) as terminal:
        for _ in range(2):
            terminal.wait_for("> ")
            terminal.type("Is it?\n")
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.end() == 0
    assert Path("answers").read_text() == "yes\nyes\n"


def test_writes_what_the_terminals_letters_allow() -> None:
    command = [*_slow(["café 🙂"], 0.0), "ask", "?"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"caf? ?\n", b"")
    assert b"caf? ?" in subprocess.run([*LLAMABOT, "show"], env=environment, capture_output=True, check=True).stdout


def test_works_with_its_streams_closed() -> None:
    for closing, status in [("<&-", 0), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)]:
        command = " ".join(map(shlex.quote, [*_slow(["yes"], 0.0), "ask", "?"]))
        done = subprocess.run(["sh", "-c", f"{command} {closing}"], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (status, b""), closing
    assert look("runs").out.count("completed") == 4


@pytest.mark.embedded
def test_stops_the_embedded_model_at_ctrl_c_and_chats_on() -> None:
    installed_model()
    with Terminal("chat", "-t", "0") as terminal:
        terminal.wait_for("\n> ")
        terminal.type("List every country of the world.\n")
        terminal.wait_for("world.\n")
        terminal.wait_for(" ")
        terminal.type("\x03")
        terminal.wait_for("stopped")
        terminal.wait_for("\n> ")
        terminal.type("Say yes.\n")
        terminal.wait_for("yes.\n")
        terminal.wait_for("\n> ")
        terminal.type("\x04")
        assert terminal.end() == 0
        assert terminal.busy_s < 10, "all the countries take twice that and more"
    assert "chat  cancelled" in look("show").out


def test_is_silent_when_its_reader_leaves() -> None:
    command = [*_slow(ENDLESS, 0.01), "ask", "?"]
    asking = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert asking.stdout is not None
    assert asking.stdout.read(5) == b"word "
    asking.stdout.close()
    _, errors = asking.communicate(timeout=60)
    assert (asking.returncode, errors) == (141, b"")
    assert Path("left").exists()


@pytest.mark.parametrize("arguments", [["runs"], ["--help"], ["doctor"], ["ask", "--help"]])
def test_is_silent_when_nobody_reads(arguments: list[str]) -> None:
    with lmb.SqliteRecorder(".llamabot/runs.db") as log:
        lmb.SimpleBot(recorder=log, completion=ScriptedCompletion(["yes"]))("?")
    command = [*LLAMABOT, *arguments]
    listing = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listing.stdout is not None
    listing.stdout.close()
    _, errors = listing.communicate(timeout=60)
    assert (listing.returncode, errors) == (141, b"")


@pytest.mark.parametrize("columns", [100, 80])
def test_draws_within_the_terminal(columns: int) -> None:
    with lmb.SqliteRecorder(".llamabot/runs.db") as log:
        bot = lmb.SimpleBot("Be brief. " * 30, recorder=log, model="provider/" + "long-" * 20, name="a long name " * 9)
        bot.with_(completion=ScriptedCompletion(["word " * 400]))("? [bold]" * 30)
    with Terminal("runs", columns=columns) as terminal:
        assert terminal.end() == 0
    row = terminal.text.splitlines()[1]
    assert "\x1b[" in terminal.seen
    assert len(row) <= columns
    assert "completed" in row
    assert {100: "  a long …  provider/lo", 80: " a long … provide"}[columns] in row  # more, if it took no time
    with Terminal("show", row.split()[0].strip("…"), columns=columns) as terminal:
        assert terminal.end() == 0
    assert max(map(len, terminal.text.splitlines())) <= columns
    assert "? [bold]? [bold]" in terminal.text


def test_ingesting_shows_how_far_it_is_and_leaves_one_line(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    for number in range(2):
        (tmp_path / "papers" / f"{number}.md").write_text("words")
    with Terminal("ingest", "papers", "--keywords") as terminal:
        terminal.wait_for("2/2 files")
        terminal.wait_for("2 added, 0 changed")
        assert terminal.end() == 0
