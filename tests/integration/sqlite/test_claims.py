"""Claims on runs among processes: one holder, whoever dies."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from tests.contract.children import finish, run, start

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import RecorderError, RunBusy
from llamabot.testing.runs import a_run

_HOLDS = """
import sys
from llamabot.adapters.sqlite import SqliteRecorder
claim = SqliteRecorder(sys.argv[1], durable=True).claim("run")
print("held", flush=True)
sys.stdin.readline()
"""


def _claimed(recorder: SqliteRecorder) -> bool:
    try:
        recorder.claim("run").release()
    except RunBusy:
        return True
    return False


def _files(path: Path) -> list[Path]:
    folder = path.with_name(path.name + "-claims")
    return list(folder.iterdir()) if folder.exists() else []


def test_another_process_is_told_who_has_a_run(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "runs.db")
    with start(_HOLDS, recorder.path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(RunBusy, match=rf"'run' is in the hands of process {child.pid}: wait until"):
            recorder.claim("run")
        finish(child)
    assert not _claimed(recorder)


def test_a_killed_holder_frees_its_claim(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "runs.db")
    with start(_HOLDS, recorder.path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert _claimed(recorder)
        child.kill()
        child.wait(20)
        assert not _claimed(recorder)
    assert _files(recorder.path) == []


def test_another_recorder_on_the_same_file_is_refused_under_whatever_name(tmp_path: Path) -> None:
    first, second = SqliteRecorder(tmp_path / "runs.db"), SqliteRecorder(tmp_path / "linked.db", durable=True)
    first.append(a_run("run"))
    first.close()
    if hasattr(os, "symlink"):
        second.path.symlink_to(first.path)
    claim = first.claim("run")
    assert _claimed(SqliteRecorder(first.path))
    assert _claimed(second)
    with pytest.raises(RunBusy, match="in the hands of this process"):
        first.claim("run")
    claim.release()
    assert not _claimed(second)


def test_claims_leave_no_files_and_are_private(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "new" / "runs.db", durable=True)
    recorder.append(a_run("run"))
    recorder.close()
    assert not recorder.path.with_name("runs.db-claims").exists()
    claim = recorder.claim("run")
    (file,) = _files(recorder.path)
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in (file.parent, recorder.path.parent)] == [0o700] * 2
    claim.release()
    assert _files(recorder.path) == []


def test_pruning_removes_what_killed_holders_left_and_nothing_that_is_held(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "runs.db")
    claim = recorder.claim("run")
    (held,) = _files(recorder.path)
    (held.parent / ("0" * 32)).write_bytes(b"12345")
    SqliteRecorder(recorder.path).prune()
    assert _files(recorder.path) == [held]
    assert _claimed(recorder)
    claim.release()


def test_a_claim_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs.db-claims").write_text("in the way")
    with pytest.raises(RecorderError, match=r"cannot claim a run in .*runs\.db"):
        SqliteRecorder(tmp_path / "runs.db").claim("run")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_child_neither_keeps_nor_gives_back_the_claim_of_its_parent(tmp_path: Path) -> None:
    run(_FORKS, tmp_path / "runs.db")


_FORKS = """
import os, signal, sys, time
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import RunBusy

def claimed(recorder):
    try:
        recorder.claim("run").release()
    except RunBusy:
        return True
    return False

recorder = SqliteRecorder(sys.argv[1])
claim = recorder.claim("run")
child = os.fork()
if not child:
    busy = claimed(recorder)
    claim.release()
    del claim
    os._exit(0 if busy and claimed(recorder) and claimed(SqliteRecorder(sys.argv[1])) else 3)
assert os.waitpid(child, 0)[1] == 0
assert claimed(recorder), "the child gave it back"
claim.release()
assert not claimed(recorder)

reading, writing = os.pipe()
holder = os.fork()
if not holder:
    held = recorder.claim("run")
    lingering = os.fork()
    if not lingering:
        os.write(writing, b"%d" % os.getpid())
        time.sleep(60)
    time.sleep(60)
lingering = int(os.read(reading, 20))
assert claimed(recorder)
os.kill(holder, signal.SIGKILL)
os.waitpid(holder, 0)
free = not claimed(recorder)
os.kill(lingering, signal.SIGKILL)
assert free, "the child of the dead holder keeps its claim"
"""


def test_never_two_processes_hold_a_claim_that_changes_hands(tmp_path: Path) -> None:
    path, witness = tmp_path / "runs.db", tmp_path / "witness"
    children = [start(_CHANGES_HANDS, path, witness) for _ in range(3)]
    for child in children:
        finish(child)
    assert _files(path) == []


_CHANGES_HANDS = """
import os, sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import RunBusy

recorder, held = SqliteRecorder(sys.argv[1]), 0
while held < 500:
    try:
        claim = recorder.claim("run")
    except RunBusy:
        continue
    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))  # fails if another one is inside
    os.unlink(sys.argv[2])
    claim.release()
    held += 1
"""
