from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.app.agents.asked import ADD, deciding, last_of
from tests.integration.app.command import Command, Ended

import llamabot as lmb
from llamabot.testing import ScriptedCompletion


def test_works_with_tools_until_it_has_the_answer(command: Command, project: Path) -> None:
    model = ScriptedCompletion([deciding(("add", {"a": 2, "b": 3}), ("sub", {}), text="I will add."), "It is 5."])
    with lmb.override(completion=model):
        ended = command("agent", "--tools", "own:add", "-s", "You add.", "-m", "m", "What is", "2+3?")
    assert (ended.status, ended.out) == (0, "It is 5.\n")
    assert ended.err.splitlines() == ['→ add {"a": 2, "b": 3}', "→ sub {}", "← add: 5"]
    assert [message.text for message in model.requests[0].messages] == ["You add.", "What is 2+3?"]
    summary = last_of(project).summary
    assert (summary.bot, summary.model, summary.status) == ("agent", "m", "completed")


def test_keeps_to_the_answer_if_asked_to(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([ADD, "It is 5."])):
        assert command("agent", "--no-stream", "--tools", "own:add", "?") == Ended(0, "It is 5.\n", "")


def test_prints_what_a_tool_ended_the_run_with(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([deciding(("finish", {"text": "done"}))])):
        ended = command("agent", "--tools", "own:add, own:finish", "?")
    assert (ended.status, ended.out) == (0, "DONE\n")


def test_cuts_what_a_tool_says_and_marks_what_went_wrong(command: Command) -> None:
    failing = deciding(("fail", {"text": "\x1b[2J no"}))
    with lmb.override(completion=ScriptedCompletion([failing, "Sorry."])):
        ended = command("agent", "--tools", "own:fail", "?")
    failed = ended.err.splitlines()[1]
    assert failed.startswith("✗ fail: ")
    assert (len(failed), failed[-1]) == (120, "…")
    assert "\x1b" not in ended.err


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("own", "'own' is not of the form module:name"),
        ("own:", "not of the form"),
        ("own.py:add", "write its module: own:add"),
        ("lost:add", "there is no module 'lost', neither here nor installed"),
        ("json.lost:add", "there is no module 'json.lost'"),
        ("own:ad", "the module 'own' has no 'ad'; did you mean 'add'?"),
        ("own:NUMBER", "own:NUMBER is of type int, not a tool"),
        ("own:payer", "own:payer is a bot, not a tool: name a variable that holds its .as_tool()"),
        ("own:untyped", "untyped"),
        ("pathlib:Path", "the class Path, not a tool"),
        ("broken:add", "the module 'broken' cannot be imported: No module named 'nowhere_to_be_found'"),
        ("raising:add", "the module 'raising' cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_says_what_is_wrong_with_a_tool(command: Command, reference: str, said: str) -> None:
    with lmb.override(completion=ScriptedCompletion()):
        ended = command("agent", "--tools", reference, "?")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["agent", "--tools", "own:add"], 'nothing was asked: llamabot agent "…"'),
        (["agent", "--mcp", " ", "?"], "--mcp names no program"),
        (["agent", "--mcp", "'", "?"], "cannot be split into words"),
        (["agent", "--decisions", "0", "?"], "--decisions"),
        (["resume", "last"], "nothing is recorded here yet"),
        (["resume", "last", "--bot", "own:add"], "own:add is of type function, not a bot"),
        (["resume", "last", "--bot", "own:payer", "--tools", "own:add"], "a --bot has tools"),
        (["resume", "last", "--bot", "own:payer", "--model", "m"], "and a model of its own"),
        (["resume", "last", "--bot", "own:payer", "--outcome", "x"], "not of the form CALL_ID=text"),
        (["resume", "last", "--bot", "own:payer", "--approve", "x", "--deny", "x=y"], "both approved and denied"),
        (["replay", "none.json"], "say which bot it was"),
        (["replay", "none.json", "--bot", "own:payer"], "'none.json' cannot be read"),
        (["export", "last", "x.txt"], "does not end in .json"),
        (["export", "last", "x.json"], "nothing is recorded here yet"),
    ],
)
def test_tells_wrong_use_in_one_line(command: Command, arguments: list[str], said: str) -> None:
    with lmb.override(completion=ScriptedCompletion()):
        ended = command(*arguments)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err
