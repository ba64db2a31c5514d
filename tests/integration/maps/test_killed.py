"""Real processes at a job: killed anywhere, held on to, interrupted; what they had finished is never paid again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.integration.maps import worker
from tests.project import ROOT

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished

COMMAND = [sys.executable, "-m", "tests.integration.maps.worker"]


def _ran(mode: str, folder: Path) -> Any:
    done = subprocess.run(
        [*COMMAND, mode, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_killed_process_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    assert set(_ran("kill", tmp_path)) == {-9}
    told = 0
    for number in worker.EVENTS:
        with lmb.SqliteRecorder(tmp_path / f"{number}.db", durable=True) as recorder:
            answered = _answered(recorder)
            marks = tmp_path / f"{number}.txt"
            kind = (lmb.AsyncSimpleBot, lmb.SimpleBot)[number % 2]
            items = worker.mapped(worker.bot_on(recorder, marks, kind))
            assert [item.unwrap().text for item in items] == [text.upper() for text in worker.TEXTS]
            assert len(list(recorder.runs())) == len(worker.TEXTS), "a run was begun again"
            asked = Counter(marks.read_text().split())
            assert {text for text in answered if asked[text] != 1} == set(), "what was answered was asked again"
            assert max(asked.values()) <= 2
            told += sum(item.from_log for item in items)
    assert told


def _answered(recorder: lmb.SqliteRecorder) -> set[str]:
    """Return the texts whose answers were in the log when the process died."""
    events = {run.run_id: recorder.events(run.run_id) for run in recorder.runs()}
    done = {run_id for run_id, some in events.items() if any(isinstance(event, EffectFinished) for event in some)}
    traces = [lmb.read_trace(events[run_id]) for run_id in done]
    return {trace.input.messages[-1].text for trace in traces if trace.input is not None}


def test_a_job_that_a_living_process_holds_is_busy_and_a_killed_holder_frees_it(tmp_path: Path) -> None:
    holder = subprocess.Popen([*COMMAND, "hold", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with lmb.SqliteRecorder(tmp_path / "held.db", durable=True) as recorder:
            bot = worker.bot_on(recorder, tmp_path / "marks.txt")
            with pytest.raises(lmb.errors.RunBusy, match=f"process {holder.pid}"):
                worker.mapped(bot)
            holder.kill()
            holder.wait()
            assert [item.unwrap().text for item in worker.mapped(bot)] == list("ABCDE")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_ctrl_c_waits_for_the_answers_that_are_paid_for_and_keeps_them(tmp_path: Path) -> None:
    assert _ran("interrupt", tmp_path) == [0, []]
    with lmb.SqliteRecorder(tmp_path / "interrupted.db") as recorder:
        assert [str(run.status) for run in recorder.runs()] == ["completed"] * 2
        items = worker.mapped(worker.bot_on(recorder, tmp_path / "marks.txt"))
        assert [item.from_log for item in items] == [True, True, False, False, False]
