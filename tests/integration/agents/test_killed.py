"""Real processes with agents: killed at every event, held on to, interrupted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.integration.agents import worker

import llamabot as lmb
from llamabot.testing import InMemoryRecorder

WORKER = str(Path(worker.__file__))


def _ran(mode: str, folder: Path) -> Any:
    command = [sys.executable, WORKER, mode, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _marks(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _resumed(bot: Any, run_id: str, **call: Any) -> Any:
    gone = bot.resume(run_id, **call)
    return asyncio.run(_awaited(gone)) if asyncio.iscoroutine(gone) else gone


async def _awaited(coming: Any) -> Any:
    return await coming


def test_a_process_killed_at_any_event_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    calm = worker.agent_on(InMemoryRecorder(durable=True), tmp_path / "calm.txt").run("go")
    ended = _ran("kill", tmp_path)
    assert len(ended) - 1 >= 12
    assert ended == [-9] * (len(ended) - 1) + [0]
    unknown = 0
    for number in range(1, len(ended) + 1):
        unknown += _goes_on(tmp_path, number, calm)
    assert unknown, "no child died while it charged"


def _goes_on(folder: Path, number: int, calm: Any) -> bool:
    """Resume the run of one child in this process; say whether a person had to tell whether it had charged."""
    marks = folder / f"{number}.txt"
    asked = False
    with lmb.SqliteRecorder(folder / f"{number}.db", durable=True) as recorder:
        agent = (lmb.AsyncAgentBot, lmb.AgentBot)[number // 2 % 2]
        bot = worker.agent_on(recorder, marks, agent)
        runs = list(recorder.runs())
        if not runs:
            return False
        (run,) = runs
        try:
            result = _resumed(bot, run.run_id)
        except lmb.errors.ToolOutcomeUnknown as error:
            asked = True
            (call,) = error.calls
            result = _resumed(bot, run.run_id, outcomes={call.id: "charged 7"})
        assert (result.messages, result.text, result.usage) == (calm.messages, calm.text, calm.usage)
        assert [run.status for run in recorder.runs()] == ["completed"]
    lines = Counter(_marks(marks))
    assert lines["charge"] == 1 or (asked and lines["charge"] == 0)
    assert len(lines.keys() - {"charge"}) == 3, "a tool that ran again had another key"
    return asked


def test_a_run_that_a_living_process_holds_is_busy_and_a_killed_holder_frees_it(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, WORKER, "hold", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with lmb.SqliteRecorder(tmp_path / "held.db", durable=True) as recorder:
            bot = worker.agent_on(recorder, tmp_path / "marks.txt")
            (run,) = recorder.runs()
            with pytest.raises(lmb.errors.RunBusy):
                bot.resume(run.run_id)
            assert [run.status for run in recorder.runs()] == ["running"]
            holder.kill()
            holder.wait()
            with pytest.raises(lmb.errors.ReplayDiverged):
                bot.resume(run.run_id)  # the holder had fewer tools
            assert bot.resume(run.run_id, accept_changes=True).text == "noted second"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_ctrl_c_stops_what_listens_names_what_does_not_and_the_process_ends(tmp_path: Path) -> None:
    heard, stopped = _ran("deaf", tmp_path)
    assert heard, "a sync tool was not told"
    assert stopped, "an async tool was not cancelled"
    with lmb.SqliteRecorder(tmp_path / "deaf.db", durable=True) as recorder:
        (run,) = recorder.runs()
        assert run.status == "cancelled"
        effects = {effect.path: effect for effect in lmb.read_trace(recorder.events(run.run_id)).effects}
        deaf = effects["2.2"]
        assert deaf.call is not None
        assert deaf.call.name == "charge"
        assert deaf.error is not None
        assert "goes on unseen" in deaf.error.message
