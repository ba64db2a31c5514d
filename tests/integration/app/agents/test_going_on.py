"""`llamabot resume` and its kin: runs that wait, broke off, or are told again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from tests.integration.app.agents.asked import ADD, deciding, last_of
from tests.integration.app.command import Command, Ended, log_of

import llamabot as lmb
from llamabot.ports.errors import RateLimited
from llamabot.testing import ScriptedCompletion

PAY = deciding(("pay", {"amount": 5, "to": "Ana"}))


def hints_of(ended: Ended) -> list[list[str]]:
    """Return the words of the commands that go on with a run."""
    return [shlex.split(line)[1:] for line in ended.err.splitlines() if line.startswith("  llamabot resume ")]


def test_says_how_a_run_that_waits_goes_on(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY])):
        ended = command("agent", "--tools", "own:add,own:pay", "-s", "You're to pay.", "-t", "0.5", "-m", "m", "Pay.")
    assert (ended.status, ended.out) == (4, "")
    assert "llamabot: the run waits for approval of pay ('call_pay')\n" in ended.err
    assert command("runs", "--status", "paused").out.count("paused") == 1
    assert sys.modules["own"].PAID == []

    with lmb.override(completion=ScriptedCompletion(["Paid."])):
        resumed = command(*hints_of(ended)[0])
    assert (resumed.status, resumed.out) == (0, "Paid.\n")
    assert "← pay: paid 5 to Ana" in resumed.err
    assert sys.modules["own"].PAID == [(5, "Ana")]
    assert last_of(project).summary.status == "completed"


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
        ended = command("resume", hints_of(begun)[0][1][:20], "--bot", f"own:{name}", "--approve", "call_pay")
    assert (ended.status, ended.out) == (0, "Paid.\n")
    assert ended.err.splitlines() == ['→ pay {"amount": 5, "to": "Ana"}', "← pay: paid 5 to Ana"]
    assert command("replay", "last", "--bot", f"own:{name}") == Ended(0, "Paid.\n", "")


def test_waits_on_if_nobody_decides(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([PAY])):
        command("agent", "--tools", "own:pay", "-s", "You pay.", "-m", "m", "Pay.")
        for name in ("payer", "apayer"):
            ended = command("resume", "last", "--bot", f"own:{name}")
            assert ended.status == 4
            assert [words[2:] for words in hints_of(ended)] == [
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
        assert (ended.status, hints_of(ended)[0][-2:]) == (3, ["--decisions", "NUMBER"])
        ended = command("resume", "last", *asked, "--decisions", "9")
        assert (ended.status, hints_of(ended)[0][-2:]) == (3, ["--tool-calls", "NUMBER"])
        ended = command("resume", "last", *asked, "--tool-calls", "3", "--decisions", "9")
    assert (ended.status, ended.out) == (0, "It is 5.\n")
    assert command("show").out.count("call_tool") == 3


def test_goes_on_after_the_provider_has_failed(command: Command) -> None:
    with lmb.override(completion=ScriptedCompletion([ADD, RateLimited("slow down"), "It is 5."])):
        ended = command("agent", "--tools", "own:add", "-m", "m", "?")
        assert (ended.status, ended.err.splitlines()[-3]) == (1, "llamabot: slow down")
        resumed = command(*hints_of(ended)[0])
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
        assert (ended.status, hints_of(ended)) == (4, [])
        ended = command("resume", "last", "--tools", "own:pay")
    assert (ended.status, hints_of(ended)) == (2, [])
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
    first = deciding(("expert", {"question": "Who?"}), ("pay", {"amount": 5, "to": "x" * 300}), ("lost", {"n": 1}))
    model = ScriptedCompletion([first, "Ana.", deciding(("fail", {"text": "no"})), "Done."])
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
