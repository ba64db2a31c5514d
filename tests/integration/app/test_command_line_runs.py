"""What the command line tells of runs."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import pytest
from tests.integration.app.command import PERSON, Command, log_of

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, Usage
from llamabot.ports.errors import AuthenticationFailed, RateLimited
from llamabot.ports.messages import AssistantMessage
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, VirtualClock


def test_lists_what_fits_the_filters(command: Command, project: Path) -> None:
    with log_of(project) as log, lmb.override(completion=ScriptedCompletion(["a", "b", RateLimited("c")])):
        bot = lmb.SimpleBot(recorder=log, model="m")
        bot.with_(name="first")("?", tags={"user": "7", "day": "1"})
        bot.with_(name="second")("?", tags={"user": "7"})
        with pytest.raises(RateLimited):
            bot.with_(name="third")("?")
    names = ["first", "second", "third"]

    def listed(*arguments: str) -> list[str]:
        return [name for row in command("runs", *arguments).out.splitlines()[1:] for name in names if name in row]

    assert listed() == ["third", "second", "first"]
    assert listed("--tag", "user=7") == ["second", "first"]
    assert listed("--tag", "user=7", "--tag", "day=1") == ["first"]
    assert listed("--status", "failed") == ["third"]
    assert listed("--limit", "1") == ["third"]
    assert listed("--since", "1h") == ["third", "second", "first"]
    assert listed("--since", "2999-01-01") == []
    assert "no such run" in command("runs", "--tag", "user=8").err


def test_shows_a_run_by_the_beginning_of_its_id(command: Command, project: Path) -> None:
    with log_of(project) as log:
        for run_id in ("aaa1", "aab2", "aab23"):
            ids = type("Ids", (), {"new_id": lambda self, run_id=run_id: run_id})()
            completion = ScriptedCompletion([f"answer of {run_id}"])
            lmb.SimpleBot(recorder=log, model="m", ids=ids, completion=completion)("?")
    assert "answer of aaa1" in command("show", "aaa").out
    assert "answer of aab2\n" in command("show", "aab2").out
    assert "answer of aab23" in command("show", "last").out
    ended = command("show", "aa")
    assert (ended.status, ended.out) == (2, "")
    assert "3 runs have an id that begins with 'aa'" in ended.err
    assert command("show", "").status == 2


def test_shows_all_that_a_run_did(command: Command, project: Path) -> None:
    (project / "person.json").write_text(json.dumps(PERSON))
    long = "\n".join(f"line {number}" for number in range(50))
    with lmb.override(completion=ScriptedCompletion(["no", '{"age": 25}'])):
        command("ask", long, "-m", "m", "-s", "Extract.", "-t", "0", "--schema", "person.json")
    tree = command("show").out
    for part in ("ask  completed", "m · ", "1  describe_model", "2  complete", "3  complete", "first token after"):
        assert part in tree
    for part, times in [("Extract.", 1), ("line 0", 1), ("temperature 0 · schema Person", 2), ("was not accepted", 1)]:
        assert tree.count(part) == times, part
    assert "line 49" not in tree
    assert "more characters (--full)" in tree
    assert "line 49" in command("show", "last", "--full").out


def test_shows_what_went_wrong(command: Command, project: Path) -> None:
    chunks = [CompletionChunk(text="half an answer"), RateLimited("slow \x1b[31m down")]
    with lmb.override(completion=ScriptedCompletion([chunks])):
        command("ask", "?")
    tree = command("show").out
    assert "ask  failed" in tree
    assert "half an answer" in tree
    assert tree.count("RateLimited  slow ␛[31m down") == 2


def test_shows_what_was_tried_before_an_answer(command: Command, project: Path) -> None:
    model = ScriptedCompletion([RateLimited("slow down", retry_after_s=2.0), AuthenticationFailed("no key"), "Hi!"])
    port = lmb.Fallback(lmb.Retry(model, random=lambda: 0.0), "second")
    with lmb.override(completion=port, clock=VirtualClock()):
        command("ask", "?", "-m", "first")
    tree = command("show").out
    assert "retry  first  RateLimited  slow down  waited 2 s" in tree
    assert "fallback  first  AuthenticationFailed  no key" in tree


def test_shows_runs_inside_of_each_other(command: Command, project: Path) -> None:
    answer = Completion(AssistantMessage("a"), FinishReason.STOP, Usage(10, 5), 0.25)
    with log_of(project) as log, lmb.override(completion=ScriptedCompletion([answer, answer]), recorder=log):
        with lmb.span("outer", tags={"k": "v"}), lmb.span("inner"):
            lmb.SimpleBot(model="m", name="first")("?")
        lmb.SimpleBot(model="m", name="alone")("?")
    rows = command("runs").out.splitlines()
    assert len(rows) == 3
    assert rows[2].split()[3:] == ["outer", "m", "completed", "10", "in,", "5", "out", "$0.25", *rows[2].split()[-2:]]
    tree = command("show", rows[2].split()[0]).out
    assert next(line for line in tree.splitlines() if "inner  completed" in line).startswith("└── inner")
    assert "k=v" in tree
    assert tree.count("10 in, 5 out · $0.25") == 4  # the three runs and the effect


def test_deletes_old_runs_alone(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["a"])):
        command("ask", "?")
    assert "0 runs older than 30 days deleted" in command("prune").err
    assert "1 run older than 0 days deleted" in command("prune", "--keep-days", "0").err
    ended = command("runs")
    assert (ended.status, ended.out) == (0, "")
    assert "nothing is recorded yet" in ended.err


def test_makes_nothing_by_looking(command: Command, project: Path) -> None:
    for arguments in (["runs"], ["show"], ["prune"], ["doctor"]):
        command(*arguments)
    assert [path.name for path in project.iterdir()] == ["pyproject.toml"]


def test_leaves_no_trace_in_the_process(command: Command, project: Path) -> None:
    logger = logging.getLogger("llamabot")
    before = (list(logger.handlers), logger.propagate, list(warnings.filters))
    command("runs")
    assert (list(logger.handlers), logger.propagate, list(warnings.filters)) == before


def test_keeps_to_ports_that_are_overridden(command: Command, project: Path) -> None:
    recorder = InMemoryRecorder()
    with lmb.override(completion=ScriptedCompletion(["a"]), recorder=recorder):
        command("ask", "?")
    assert len(list(recorder.runs())) == 1
    assert not (project / ".llamabot").exists()
