"""`agent`, `resume`, `replay` and `export` over a scripted model: what runs, what is told, how it goes on."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.app.command import Command, Ended, log_of

import llamabot as lmb
from llamabot.ports.errors import RateLimited
from llamabot.testing import ScriptedCompletion

OWN = """
import asyncio
import llamabot as lmb

PAID = []
NUMBER = 3

def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

@lmb.tool(needs_approval=True)
def pay(amount: int, to: str) -> str:
    "Pay someone."
    PAID.append((amount, to))
    return f"paid {amount} to {to}"

@lmb.tool(terminal=True)
def finish(text: str) -> str:
    "Finish."
    return text.upper()

def fail(text: str) -> str:
    "Fail."
    raise ValueError(text * 400)

def untyped(a):
    "Add."

inner = lmb.SimpleBot("You know.", name="expert", model="m")
expert = inner.as_tool()
payer = lmb.AgentBot("You pay.", tools=[pay], name="payer", model="m")
apayer = lmb.AsyncAgentBot("You pay.", tools=[pay], name="apayer", model="m")
elsewhere = lmb.AgentBot("You add.", tools=[add], model="m", recorder=lmb.SqliteRecorder("elsewhere.db", durable=True))
"""


@pytest.fixture(autouse=True)
def own(project: Path) -> Iterator[None]:
    """A module of the user's own in the working folder."""
    (project / "own.py").write_text(OWN)
    (project / "broken.py").write_text("import nowhere_to_be_found")
    (project / "raising.py").write_text("1 / 0")
    yield
    for name in ("own", "broken", "raising"):
        sys.modules.pop(name, None)


def _calls(*calls: tuple[str, dict[str, Any]], text: str = "") -> lmb.AssistantMessage:
    asked = tuple(lmb.ToolCall(f"call_{name}", name, json.dumps(arguments)) for name, arguments in calls)
    return lmb.AssistantMessage(text, tool_calls=asked)


ADD = _calls(("add", {"a": 2, "b": 3}))
PAY = _calls(("pay", {"amount": 5, "to": "Ana"}))


def _last(project: Path) -> lmb.RunTrace:
    with log_of(project) as log:
        return lmb.read_trace(log.events(next(iter(log.runs())).run_id))


def _hints(ended: Ended) -> list[list[str]]:
    """Return the words of the commands that go on with a run."""
    return [shlex.split(line)[1:] for line in ended.err.splitlines() if line.startswith("  llamabot resume ")]


def test_works_with_tools_until_it_has_the_answer(command: Command, project: Path) -> None:
    model = ScriptedCompletion([_calls(("add", {"a": 2, "b": 3}), ("sub", {}), text="I will add."), "It is 5."])
    with lmb.override(completion=model):
        ended = command("agent", "--tools", "own:add", "-s", "You add.", "-m", "m", "What is", "2+3?")
    assert (ended.status, ended.out) == (0, "It is 5.\n")
    assert ended.err.splitlines() == ['→ add {"a": 2, "b": 3}', "→ sub {}", "← add: 5"]
    assert [message.text for message in model.requests[0].messages] == ["You add.", "What is 2+3?"]
    summary = _last(project).summary
    assert (summary.bot, summary.model, summary.status) == ("agent", "m", "completed")


def test_keeps_to_the_answer_if_asked_to(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([ADD, "It is 5."])):
        assert command("agent", "--no-stream", "--tools", "own:add", "?") == Ended(0, "It is 5.\n", "")


def test_prints_what_a_tool_ended_the_run_with(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([_calls(("finish", {"text": "done"}))])):
        ended = command("agent", "--tools", "own:add, own:finish", "?")
    assert (ended.status, ended.out) == (0, "DONE\n")


def test_cuts_what_a_tool_says_and_marks_what_went_wrong(command: Command) -> None:
    failing = _calls(("fail", {"text": "\x1b[2J no"}))
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


def test_says_how_a_run_that_waits_goes_on(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY])):
        ended = command("agent", "--tools", "own:add,own:pay", "-s", "You're to pay.", "-t", "0.5", "-m", "m", "Pay.")
    assert (ended.status, ended.out) == (4, "")
    assert "llamabot: the run waits for approval of pay ('call_pay')\n" in ended.err
    assert command("runs", "--status", "paused").out.count("paused") == 1
    assert sys.modules["own"].PAID == []

    with lmb.override(completion=ScriptedCompletion(["Paid."])):
        resumed = command(*_hints(ended)[0])
    assert (resumed.status, resumed.out) == (0, "Paid.\n")
    assert "← pay: paid 5 to Ana" in resumed.err
    assert sys.modules["own"].PAID == [(5, "Ana")]
    assert _last(project).summary.status == "completed"


def test_tells_the_model_why_a_call_was_denied(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY])):
        command("agent", "--tools", "own:pay", "-m", "m", "Pay.")
    model = ScriptedCompletion(["A pity."])
    with lmb.override(completion=model):
        ended = command("resume", "last", "--tools", "own:pay", "--deny", "call_pay=too dear = no")
    assert (ended.status, ended.out) == (0, "A pity.\n")
    assert model.requests[0].messages[-1].text == "The call was denied: too dear = no. It has not run."
    assert sys.modules["own"].PAID == []


@pytest.mark.parametrize("name", ["payer", "apayer"])
def test_goes_on_with_a_bot_of_ones_own_of_either_colour(command: Command, name: str) -> None:
    model = ScriptedCompletion([PAY, "Paid."])
    with lmb.override(completion=model):
        begun = command("agent", "--tools", "own:pay", "-s", "You pay.", "-m", "m", "Pay.")
        ended = command("resume", _hints(begun)[0][1][:20], "--bot", f"own:{name}", "--approve", "call_pay")
    assert (ended.status, ended.out) == (0, "Paid.\n")
    assert ended.err.splitlines() == ['→ pay {"amount": 5, "to": "Ana"}', "← pay: paid 5 to Ana"]
    assert command("replay", "last", "--bot", f"own:{name}") == Ended(0, "Paid.\n", "")


def test_waits_on_if_nobody_decides(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY])):
        command("agent", "--tools", "own:pay", "-s", "You pay.", "-m", "m", "Pay.")
        for name in ("payer", "apayer"):
            ended = command("resume", "last", "--bot", f"own:{name}")
            assert ended.status == 4
            assert [words[2:] for words in _hints(ended)] == [
                ["--bot", f"own:{name}", "--approve", "call_pay"],
                ["--bot", f"own:{name}", "--deny", "call_pay=reason"],
            ]


def test_finds_the_run_in_the_bots_own_log(command: Command, project: Path) -> None:
    with lmb.SqliteRecorder("elsewhere.db") as log, lmb.override(completion=ScriptedCompletion([ADD, "5", "6"])):
        bot = lmb.AgentBot("You add.", tools=[_add], name="AgentBot", model="m", recorder=log)
        bot("?")
    assert command("replay", "last", "--bot", "own:elsewhere").out == "5\n"
    told = command("resume", "last", "--bot", "own:elsewhere")
    assert (told.status, told.out) == (0, "5\n")
    assert "its answer is told from the log" in told.err
    assert not (project / ".llamabot" / "runs.db").exists()


@lmb.tool(name="add")
def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_goes_on_with_a_larger_limit_and_keeps_the_others(command: Command, project: Path) -> None:
    asked = ("--tools", "own:add")
    with lmb.override(completion=ScriptedCompletion([ADD, ADD, ADD, "It is 5."])):
        ended = command("agent", *asked, "-m", "m", "--max-decisions", "1", "--tool-calls", "2", "?")
        assert (ended.status, _hints(ended)[0][-2:]) == (3, ["--decisions", "NUMBER"])
        ended = command("resume", "last", *asked, "--decisions", "9")
        assert (ended.status, _hints(ended)[0][-2:]) == (3, ["--tool-calls", "NUMBER"])
        ended = command("resume", "last", *asked, "--tool-calls", "3", "--decisions", "9")
    assert (ended.status, ended.out) == (0, "It is 5.\n")
    assert command("show").out.count("call_tool") == 3


def test_goes_on_after_the_provider_has_failed(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([ADD, RateLimited("slow down"), "It is 5."])):
        ended = command("agent", "--tools", "own:add", "-m", "m", "?")
        assert (ended.status, ended.err.splitlines()[-3]) == (1, "llamabot: slow down")
        resumed = command(*_hints(ended)[0])
    assert resumed == Ended(0, "It is 5.\n", "")


def test_shows_where_a_bot_would_do_otherwise(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY, "Paid."])):
        command("agent", "--tools", "own:pay", "-s", "You pay.", "-m", "m", "Pay.")
        for arguments in (["replay"], ["resume", "--approve", "call_pay"]):
            ended = command(arguments[0], "last", "--tools", "own:pay", "-s", "You hesitate.", *arguments[1:])
            assert (ended.status, ended.out) == (5, "")
            lines = ended.err.splitlines()
            assert '  -   "content": "You pay."' in lines
            assert '  +   "content": "You hesitate."' in lines
        changed = command(
            "resume", "last", "--tools", "own:pay", "-s", "You hesitate.", "--approve=call_pay", "--accept-changes"
        )
    assert (changed.status, changed.out) == (0, "Paid.\n")


def test_replays_an_incident_from_a_file_without_a_model(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion([ADD, "It is 5."])):
        command("agent", "--tools", "own:add", "-m", "m", "?")
    exported = command("export", "last", "incident.llamabot.json")
    assert (exported.status, exported.out) == (0, "")
    assert "is in incident.llamabot.json" in exported.err
    command("prune", "--keep-days", "0")
    with lmb.override(completion=ScriptedCompletion()):
        ended = command("replay", "incident.llamabot.json", "--tools", "own:add")
    assert ended == Ended(0, "It is 5.\n", "")


def test_without_a_log_only_tools_run_that_need_none(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_RECORD", "off")
    (project / "broken.py").write_text("def add(a: int, b: int) -> int:\n    'Add.'\n    return a + b")
    with lmb.override(completion=ScriptedCompletion([ADD, RateLimited("slow down"), PAY])):
        ended = command("agent", "--tools", "broken:add", "?")
        assert (ended.status, ended.err.splitlines()[-1]) == (1, "llamabot: slow down")
        ended = command("agent", "--tools", "own:pay", "?")
        assert (ended.status, "pay: a tool with needs_approval" in ended.err) == (2, True)
        assert "recording is off" in command("resume", "last", "--tools", "broken:add").err


def test_promises_nothing_that_a_log_without_contents_cannot_keep(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_RECORD", "metadata")
    with lmb.override(completion=ScriptedCompletion([PAY])):
        ended = command("agent", "--tools", "own:pay", "-m", "m", "Pay.")
        assert (ended.status, _hints(ended)) == (4, [])
        ended = command("resume", "last", "--tools", "own:pay")
    assert (ended.status, _hints(ended)) == (2, [])
    assert "recorded without what it was given" in ended.err
    tree = command("show").out
    assert "agent  paused" in tree
    assert "Ana" not in tree


def test_leaves_a_run_alone_that_is_in_other_hands(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY])):
        command("agent", "--tools", "own:pay", "-m", "m", "Pay.")
        with log_of(project) as log:
            held = log.claim(next(iter(log.runs())).run_id)
            ended = command("resume", "last", "--tools", "own:pay", "--approve", "call_pay")
            held.release()
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert sys.modules["own"].PAID == []


def test_draws_tools_decisions_and_runs_inside(command: Command) -> None:
    first = _calls(("expert", {"question": "Who?"}), ("pay", {"amount": 5, "to": "x" * 300}), ("lost", {"n": 1}))
    model = ScriptedCompletion([first, "Ana.", _calls(("fail", {"text": "no"})), "Done."])
    tools = ("--tools", "own:expert,own:pay,own:fail")
    with lmb.override(completion=model):
        command("agent", *tools, "-m", "m", "Pay.")
        command("resume", "last", *tools, "--approve", "call_pay")
    tree = command("show").out
    lines = [line.lstrip("│ ├└─") for line in tree.splitlines()]
    begins = [
        ("agent  completed", 1),
        ('call_tool  expert {"question": "Who?"}', 1),
        ("expert  completed", 1),
        ("result    Ana.", 1),
        ("paused  ", 1),
        ("resumed  ", 1),
        ("ask_approval  pay: approved by ", 1),
        ('call_tool  pay {"amount": 5, "to": "xxx', 1),
        ("error     ", 1),
        ("call_tool  fail", 1),
        ('calls     lost {"n": 1}', 1),
        ("assistant Done.", 1),
    ]
    for begin, times in begins:
        found = [line for line in lines if begin in line]
        assert len(found) == times, (begin, tree)
    assert "x" * 200 not in next(line for line in lines if "call_tool  pay" in line)
    assert "ApprovalNeeded  the run waits for approval of pay ('call_pay')" in tree
    assert "resume(" not in tree
    outer, inner = (
        next(line for line in tree.splitlines() if text in line) for text in ("call_tool  exp", "expert  c")
    )
    assert inner.index("expert") > outer.index("call_tool")
    assert "x" * 300 in command("show", "last", "--full").out


def test_leaves_no_default_behind(command: Command, project: Path) -> None:
    path = list(sys.path)
    with lmb.override(completion=ScriptedCompletion(["a"])):
        command("agent", "--tools", "own:add", "?")
        command("agent", "--tools", "own:lost", "?")
    assert sys.path == path
    assert isinstance(lmb.recorder(), lmb.InMemoryRecorder)
