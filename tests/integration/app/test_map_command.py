"""`llamabot map`: rows in, a line for each out, in order; what stops it, and how it goes on."""

from __future__ import annotations

import json
import os
import select
import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.app.command import Command, Ended

import llamabot as lmb

OWN = """
import dataclasses, os, signal
import llamabot as lmb
from llamabot.testing import FunctionCompletion

ASKED, STOPPED = [], []
FAILS = set()

def reply(request):
    text = request.messages[-1].text
    ASKED.append(text)
    if text in FAILS:
        return lmb.errors.RequestRejected(f"{text} is refused")
    if text == "stop" and not STOPPED:
        STOPPED.append(text)
        os.kill(os.getpid(), signal.SIGINT)
    return text.upper()

@dataclasses.dataclass
class Count:
    words: int

def see() -> str:
    "See."

model = FunctionCompletion(reply)
shout = lmb.SimpleBot("Shout.", model="m", completion=model)
ashout = lmb.AsyncSimpleBot("Shout.", model="m", completion=model)
count = lmb.StructuredBot(output=Count, model="m", completion=FunctionCompletion(lambda _: '{"words": 3}'))
choose = lmb.ToolBot(tools=[see], model="m", completion=FunctionCompletion(
    lambda _: lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "see", "{}"),))))
NUMBER = 3
"""


@pytest.fixture(autouse=True)
def own(project: Path) -> Iterator[Any]:
    """A module of the user's own in the working folder."""
    (project / "own.py").write_text(OWN)
    yield
    sys.modules.pop("own", None)


def _rows(project: Path, *rows: Any) -> None:
    (project / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def _answers(project: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project / "out.jsonl").read_text().splitlines()]


def _values(project: Path) -> list[Any]:
    return [line.get("value") for line in _answers(project)]


def _map(command: Command, *more: str, bot: str = "own:shout", file: str = "rows.jsonl", **stdin: bytes) -> Ended:
    return command("map", file, "--bot", bot, "--out", "out.jsonl", *more, **stdin)


def _going_on(ended: Ended) -> list[str]:
    """Return the words of the command that goes on."""
    (line,) = [line.strip() for line in ended.err.splitlines() if "llamabot map " in line]
    return shlex.split(line[line.index("llamabot map") :])[1:]


@pytest.mark.parametrize("bot", ["own:shout", "own:ashout"])
def test_writes_a_line_for_each_row_in_their_order(command: Command, project: Path, bot: str) -> None:
    _rows(project, {"id": 7, "q": "a"}, {"id": 8, "q": "b"}, "c", {"id": True, "q": "d"})
    ended = _map(command, "--field", "q", "--key", "id", bot=bot)
    one, other, last, odd = _answers(project)
    assert list(one) == ["index", "key", "value", "usage", "cost_usd", "run_id"]
    assert (one["index"], one["key"], one["value"], one["cost_usd"]) == (0, 7, "A", None)
    assert (other["index"], other["key"], other["value"]) == (1, 8, "B")
    assert last["error"] == {"type": "UsageError", "message": "line 3 is no row with fields, so --key id is not in it"}
    assert odd["error"]["message"] == "line 4 has 'id', but it is not a text or a number"
    assert ended.status == 1
    assert ended.out == ""
    assert ended.err.startswith("llamabot: 4 rows; 2 failed (2 UsageError); ")
    with lmb.SqliteRecorder(project / ".llamabot" / "runs.db") as log:
        assert {run.run_id for run in log.runs()} == {one["run_id"], other["run_id"]}


@pytest.mark.parametrize(
    ("bot", "value"), [("own:count", {"words": 3}), ("own:choose", [{"id": "c", "name": "see", "arguments": "{}"}])]
)
def test_writes_values_as_json(command: Command, project: Path, bot: str, value: Any) -> None:
    _rows(project, "a")
    assert _map(command, bot=bot).status == 0
    assert _values(project) == [value]


def test_stands_in_a_pipe(command: Command) -> None:
    ended = command("map", "-", "--bot", "own:shout", "--out", "-", stdin=b'"a"\n\n{"input": "b"}')
    assert ended.status == 0
    assert [json.loads(line)["value"] for line in ended.out.splitlines()] == ["A", "B"]
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("bot", ["own:shout", "own:ashout"])
def test_writes_an_answer_while_the_next_row_is_not_there_yet(command: Command, project: Path, bot: str) -> None:
    """Pipes that have names, as those of `<(…)` and `>(…)` in a shell."""
    os.mkfifo(project / "rows")
    os.mkfifo(project / "answers")
    answered: list[str] = []

    def feed() -> None:
        with (project / "rows").open("wb", buffering=0) as rows:
            for text in ("a", "b"):
                rows.write(f'"{text}"\n'.encode())
                if select.select([answers], [], [], 20)[0]:
                    answered.append(json.loads(os.read(answers, 10_000))["value"])

    answers = os.open(project / "answers", os.O_RDWR)  # so that nobody waits for another to open it
    feeder = threading.Thread(target=feed)
    feeder.start()
    ended = command("map", "rows", "--bot", bot, "--out", "answers")
    feeder.join()
    os.close(answers)
    assert (ended.status, answered) == (0, ["A", "B"]), ended.err


def test_a_bad_row_fails_alone_and_says_its_line(command: Command, project: Path) -> None:
    (project / "rows.jsonl").write_bytes(b'"a"\n{"input": \n{"text": "b"}\n{"input": 7}\n\xff\n"e"\n')
    assert _map(command).status == 1
    lines = _answers(project)
    assert [line.get("value") for line in lines] == ["A", None, None, None, None, "E"]
    said = [line["error"]["message"] for line in lines[1:5]]
    assert said[0].startswith("line 2 is not JSON: ")
    assert said[1] == "line 3 has no field 'input'; there are 'text'"
    assert said[2] == "line 4 has 'input', but it is not text"
    assert said[3].startswith("line 5 is not JSON: ")


def test_tries_again_what_failed_and_asks_nothing_else(command: Command, project: Path) -> None:
    _rows(project, "a", "b", "c")
    command("runs")  # imports nothing of ours
    assert _map(command).status == 0
    own = sys.modules["own"]
    (project / "out.jsonl").unlink()
    own.ASKED.clear()
    own.FAILS.add("bad")
    _rows(project, "a", "bad", "c")
    ended = _map(command, "--resume", "job")
    assert (ended.status, _values(project)) == (1, ["A", None, "C"])
    assert "llamabot: what failed is tried again by: llamabot map rows.jsonl --bot own:shout" in ended.err
    own.FAILS.clear()
    own.ASKED.clear()
    ended = command(*_going_on(ended))
    assert (ended.status, _values(project)) == (0, ["A", "BAD", "C"])
    assert own.ASKED == ["bad"]
    assert "2 told from the log" in ended.err


def test_mends_a_line_that_a_crash_has_torn(command: Command, project: Path) -> None:
    _rows(project, "a", "b", "c")
    assert _map(command, "--resume", "job").status == 0
    whole = (project / "out.jsonl").read_bytes()
    for kept in (3, len(whole) // 2, len(whole) - 1, len(whole)):
        (project / "out.jsonl").write_bytes(whole[:kept])
        assert _map(command, "--resume", "job").status == 0
        assert (project / "out.jsonl").read_bytes() == whole
    assert sorted(sys.modules["own"].ASKED) == ["a", "b", "c"]


@pytest.mark.parametrize("bot", ["own:shout", "own:ashout"])
def test_says_how_it_goes_on_when_it_is_stopped(command: Command, project: Path, bot: str) -> None:
    rows = ["a", "b", "stop", *map(str, range(9))]
    _rows(project, *rows)
    ended = _map(command, "--concurrency", "1", bot=bot)
    assert ended.status == 130
    assert _values(project)[0] == "A"
    assert len(_values(project)) < len(rows)
    assert "what was answered is kept, and this goes on:" in ended.err
    words = _going_on(ended)
    told = f"map rows.jsonl --bot {bot} --out out.jsonl --field input --concurrency 1 --resume"
    assert words[:-1] == told.split()
    assert command(*words).status == 0
    assert _values(project) == [row.upper() for row in rows]
    asked = sys.modules["own"].ASKED
    assert len(asked) - len(rows) <= (bot == "own:ashout"), "what was answered was asked again"


TIDYING = """
from llamabot.testing import InMemoryRecorder

RELEASED = []

class Held:
    def __init__(self, claim):
        self._claim = claim

    def release(self):
        os.kill(os.getpid(), signal.SIGINT)  # the second one
        self._claim.release()
        RELEASED.append("the job")

class Log(InMemoryRecorder):
    def claim(self, run_id):
        claim = super().claim(run_id)
        return Held(claim) if run_id.startswith("map ") else claim

noted = lmb.SimpleBot("Shout.", model="m", completion=model, recorder=Log(durable=True))
"""


def test_a_second_ctrl_c_hits_nothing_that_tidies_up(command: Command, project: Path) -> None:
    (project / "own.py").write_text(OWN + TIDYING)
    _rows(project, "a", "stop")
    done = _map(command, bot="own:noted")
    assert (done.status, sys.modules["own"].RELEASED) == (130, ["the job"]), done.err
    assert "what was answered is kept, and this goes on" in done.err


def test_runs_without_a_log_and_then_says_no_way_to_go_on(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_RECORD", "off")
    _rows(project, "a", "b", "stop", *map(str, range(9)))
    ended = _map(command, "--concurrency", "1")
    assert (ended.status, _values(project)[0]) == (130, "A")
    assert "--resume" not in ended.err
    before = _answers(project)
    ended = _map(command, "--resume", "job")
    assert ended.status == 2
    assert "needs a log that keeps contents" in ended.err
    assert _answers(project) == before, "what was there is lost though nothing could be done"


@pytest.mark.parametrize(
    ("before", "more", "said"),
    [
        ('{"index":0,"value":"A"}\n', [], "is there already: --resume NAME"),
        ("my thesis", [], "is there already"),
        ("my thesis", ["--resume", "job"], "holds something else"),
        (None, ["--out", "rows.jsonl", "--resume", "job"], "cannot be read and written at once"),
        (None, ["--bot", "own:NUMBER"], "own:NUMBER is of type int, not a bot"),
        (None, ["--bot", "own:shut"], "did you mean 'shout'"),
        (None, ["--concurrency", "0"], "concurrency"),
        (None, ["--resume", ""], "not empty"),
    ],
)
def test_tells_wrong_use_in_one_line_and_touches_nothing(
    command: Command, project: Path, before: str | None, more: list[str], said: str
) -> None:
    _rows(project, "a")
    out = project / "out.jsonl"
    if before is not None:
        out.write_text(before)
    ended = _map(command, *more)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err
    assert (out.read_text() if out.exists() else None) == before


def test_a_file_that_is_not_there_is_named(command: Command) -> None:
    ended = _map(command, file="lost.jsonl")
    assert (ended.status, ended.err) == (2, "llamabot: there is no file 'lost.jsonl'\n")


def test_no_rows_are_a_file_without_lines(command: Command, project: Path) -> None:
    _rows(project)
    assert _map(command) == Ended(0, "", "llamabot: 0 rows\n")
    assert _answers(project) == []
