"""The examples as a reader runs them: alone, offline, stopped and started again."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.project import ROOT

import llamabot as lmb
from llamabot.testing import ScriptedCompletion

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
CRASH = ROOT / "examples" / "crash_and_resume.py"
STATIONS = 10


def _start(path: Path, folder: Path, seconds_a_station: float = 0.01) -> subprocess.Popen[str]:
    environment = {**os.environ, "LLAMABOT_OFFLINE": "1", "SECONDS_A_STATION": str(seconds_a_station)}
    command = [sys.executable, "-W", "error", str(path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _stopped(folder: Path, how: signal.Signals, after: int) -> str:
    """Start the script that survives and stop it after so many measurements; return what it printed."""
    process = _start(CRASH, folder, 0.1)
    assert process.stdout is not None
    printed, done = "", 0
    while done < after:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        printed += line
        done += line.strip().startswith("done")
    process.send_signal(how)
    rest, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    return printed + rest


def _whole(path: Path, folder: Path) -> str:
    """Run an example to its good end; return what it printed."""
    out, errors = (process := _start(path, folder)).communicate(timeout=100)
    assert process.returncode == 0, errors
    assert out
    assert errors == ""
    return out


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path != CRASH], ids=lambda path: path.name)
def test_an_example_runs_offline(path: Path, tmp_path: Path) -> None:
    assert _whole(path, tmp_path)


@pytest.mark.parametrize("name", ["plan_then_act", "router"])
def test_an_example_with_a_graph_of_its_own_is_short(name: str) -> None:
    assert len((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 60


def test_a_plan_is_asked_for_without_tools_and_stays_in_the_transcript() -> None:
    example = _loaded("plan_then_act")
    model = ScriptedCompletion(example.SCRIPT)
    result = example.agent.with_(completion=model).run("Are there more apples or pears?")
    plan, first, second = model.requests
    assert (plan.tools, [tool.name for tool in first.tools]) == ((), ["count"])
    assert "Count both, then compare." in [message.text for message in second.messages]
    assert result.text == "There are 9 more apples than pears."


def test_a_run_of_the_planner_is_told_again_from_its_log() -> None:
    example, log = _loaded("plan_then_act"), lmb.InMemoryRecorder()
    agent = example.agent.with_(completion=ScriptedCompletion(example.SCRIPT), recorder=log)
    run = agent.run("Are there more apples or pears?")
    assert agent.replay(run.run_id).messages == run.messages


def test_the_router_answers_with_the_words_of_the_agent_it_picked() -> None:
    example, log = _loaded("router"), lmb.InMemoryRecorder()
    with lmb.override(completion=ScriptedCompletion(example.SCRIPT), recorder=log):
        result = example.router.run("My modem is dark.")
    assert (result.value, result.text) == ("It is offline.", "It is offline.")
    assert [run.bot for run in log.runs(parent_id=result.run_id)] == ["repairs"]


def test_the_router_asks_again_when_an_agent_cannot_answer() -> None:
    example = _loaded("router")
    limited = lmb.errors.ContentRefused("no")
    script = [example.SCRIPT[0], limited, example.SCRIPT[0], "It is offline."]
    with lmb.override(completion=(model := ScriptedCompletion(script))):
        assert example.router("My modem is dark.") == "It is offline."
    model.assert_finished()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_script_that_is_stopped_twice_goes_on_and_measures_nothing_twice(how: signal.Signals, tmp_path: Path) -> None:
    first = _stopped(tmp_path, how, after=2)
    second = _stopped(tmp_path, how, after=2)
    third, errors = _start(CRASH, tmp_path).communicate(timeout=100)
    assert errors == ""
    assert "A new run" in first
    assert "goes on" in second
    assert third.splitlines()[-1].startswith(f"All {STATIONS} stations are measured.")
    with lmb.SqliteRecorder(tmp_path / "crash_and_resume.db") as log:
        [run] = log.runs()
        trace = lmb.read_trace(log.events(run.run_id))
    assert run.status == "completed"
    finished = [effect.path for effect in trace.effects if effect.result is not None]
    assert len(finished) == len(set(finished)) == STATIONS
    # a kill may come between the last word of a tool and the commit of its outcome: one more each time, no more
    assert STATIONS <= sum(text.count("  done (") for text in (first, second, third)) <= STATIONS + 2


def test_a_script_that_survives_runs_offline_and_begins_anew_when_it_was_finished(tmp_path: Path) -> None:
    for _ in range(2):
        assert "A new run" in _whole(CRASH, tmp_path)
