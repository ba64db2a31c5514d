"""A conversation on a disk: shared, private, and clear about what is wrong."""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.contract.children import finish, run, start

from llamabot.adapters.sqlite import SqliteMemory, SqliteRecorder
from llamabot.ports.errors import ConfigurationError, MemoryFailed
from llamabot.ports.messages import AssistantMessage, Image, UserMessage
from llamabot.testing.runs import a_run

TURN = (UserMessage("hi"), AssistantMessage("hello"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory" / "chat.db"


def test_reading_and_clearing_make_no_file(path: Path) -> None:
    memory = SqliteMemory(path, "user-7")
    assert memory.recall() == ()
    memory.remember([])
    memory.clear()
    assert not path.parent.exists()


def test_a_file_of_something_else_is_an_empty_memory(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (day TEXT)")
    before = path.read_bytes()
    assert SqliteMemory(path, "user-7").recall() == ()
    assert path.read_bytes() == before


def test_shares_a_file_with_a_log(path: Path) -> None:
    with SqliteRecorder(path) as recorder, SqliteMemory(path, "user-7") as memory:
        recorder.append(a_run("run"))
        memory.remember(TURN)
        recorder.append(a_run("other"))
        assert memory.recall() == TURN
        assert {run.run_id for run in recorder.runs()} == {"run", "other"}


def test_one_memory_sees_what_another_has_added(path: Path) -> None:
    with SqliteMemory(path, "user-7") as one, SqliteMemory(path, "user-7") as other:
        one.remember(TURN)
        assert other.recall() == TURN
        other.remember(TURN)
        assert one.recall() == TURN + TURN
        other.clear()
        assert one.recall() == ()


def test_what_was_cleared_is_found_in_no_file(path: Path) -> None:
    with SqliteMemory(path, "user-7") as memory:
        memory.remember([UserMessage("a secret of somebody")])
        memory.clear()
    assert [file.name for file in path.parent.iterdir() if b"a secret" in file.read_bytes()] == []


def test_a_large_picture_comes_back_byte_for_byte(path: Path) -> None:
    turn = (UserMessage((Image(data=os.urandom(3_000_000), media_type="image/png"),)), AssistantMessage("a cat"))
    with SqliteMemory(path, "user-7") as memory:
        memory.remember(turn)
    with SqliteMemory(path, "user-7") as memory:
        assert memory.recall() == turn


def test_four_processes_begin_a_file_together(path: Path) -> None:
    children = [start(_ONE_OF_FOUR, path, name) for name in "abcd"]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        finish(child)
    with SqliteMemory(path, "shared", turns=None) as memory:
        said = [message.text for message in memory.recall()]
    assert said[::2] == said[1::2]
    assert sorted(said[::2]) == sorted(f"{name} {number}" for name in "abcd" for number in range(25))


_ONE_OF_FOUR = """
import sys
from llamabot.adapters.sqlite import SqliteMemory
from llamabot.ports.messages import AssistantMessage, UserMessage

path, name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
memory = SqliteMemory(path, "shared")
for number in range(25):
    memory.remember([UserMessage(f"{name} {number}"), AssistantMessage(f"{name} {number}")])
    assert len(memory.recall()) % 2 == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_survives_forks_beside_threads_that_use_it(path: Path) -> None:
    run(_FORKS, path)
    with SqliteMemory(path, "children", turns=None) as memory:
        assert sorted(message.text for message in memory.recall()) == [f"child {number}" for number in range(10, 20)]


_FORKS = """
import os, sys, threading, warnings
from llamabot.adapters.sqlite import SqliteMemory
from llamabot.ports.messages import UserMessage

warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what is tried
busy, quiet = SqliteMemory(sys.argv[1], "parent"), SqliteMemory(sys.argv[1], "children")
quiet.recall()
stop = threading.Event()

def work():
    while not stop.is_set():
        busy.remember([UserMessage("hi")])

thread = threading.Thread(target=work)
thread.start()
for number in range(10, 20):
    if not (child := os.fork()):
        quiet.remember([UserMessage(f"child {number}")])
        busy.remember([UserMessage("ho")])
        quiet.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
busy.close()
"""


def test_a_kill_in_the_middle_of_turns_leaves_whole_turns(path: Path) -> None:
    child = start(_ENDLESS, path)
    assert child.stdout
    remembered = [child.stdout.readline() for _ in range(20)]
    child.kill()
    rest, _ = child.communicate()
    with SqliteMemory(path, "user-7", turns=None) as memory:
        said = [message.text for message in memory.recall()]
    assert said[::2] == said[1::2]
    assert len(said[::2]) >= len(remembered) + len(rest.splitlines())


_ENDLESS = """
import sys
from llamabot.adapters.sqlite import SqliteMemory
from llamabot.ports.messages import AssistantMessage, UserMessage

memory = SqliteMemory(sys.argv[1], "user-7")
for number in range(1_000_000):
    memory.remember([UserMessage(str(number)), AssistantMessage(str(number))])
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
def test_files_and_folders_belong_to_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with SqliteMemory(path, "user-7") as memory:
            memory.remember(TURN)
            assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_what_the_world_does_is_an_error_of_ours(path: Path) -> None:
    path.mkdir(parents=True)
    memory = SqliteMemory(path, "user-7")
    with pytest.raises(MemoryFailed, match=r"cannot remember in .*chat\.db.*may be written to"):
        memory.remember(TURN)
    with pytest.raises(MemoryFailed, match="cannot recall from"):
        memory.recall()
    with pytest.raises(MemoryFailed, match="cannot forget in"):
        memory.clear()
    path.rmdir()
    memory.remember(TURN)
    assert memory.recall() == TURN
    memory.close()


def test_waits_for_a_lock_and_then_says_who_is_in_the_way(path: Path) -> None:
    memory, patient = SqliteMemory(path, "user-7", patience_s=0.2), SqliteMemory(path, "user-7", patience_s=20)
    memory.remember(TURN)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(MemoryFailed, match="another process holds it"):
            memory.remember(TURN)
        threading.Timer(0.1, holder.execute, ["COMMIT"]).start()
        patient.remember(TURN)
    assert memory.recall() == TURN + TURN
    patient.close()
    memory.close()


def test_what_has_no_json_form_is_refused_whole(path: Path) -> None:
    memory = SqliteMemory(path, "user-7")
    for data in ({"broken": "\ud800"}, {"frame": object()}):
        with pytest.raises(MemoryFailed, match="cannot be stored"):
            memory.remember([UserMessage("hi"), AssistantMessage("no", provider_data=data)])
    assert memory.recall() == ()


def test_a_newer_file_is_refused_and_left_as_it_is(path: Path) -> None:
    with SqliteMemory(path, "user-7") as memory:
        memory.remember(TURN)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO _sqlite_migrations VALUES (99, 'llamabot.memory', 'memory_0099', 'tomorrow')")
    before = path.read_bytes()
    memory = SqliteMemory(path, "user-7")
    for use in (memory.recall, memory.clear, lambda: memory.remember(TURN)):
        with pytest.raises(MemoryFailed, match=r"newer LlamaBot.*memory_0099.*upgrade"):
            use()
    assert path.read_bytes() == before


def test_a_damaged_turn_is_an_error_of_ours(path: Path) -> None:
    with SqliteMemory(path, "user-7") as memory:
        memory.remember(TURN)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('UPDATE turns SET messages = \'[{"role":"nobody"}]\'')
    with pytest.raises(MemoryFailed, match="cannot be read"):
        SqliteMemory(path, "user-7").recall()


def test_goes_on_in_a_new_file_when_the_old_one_was_deleted(path: Path) -> None:
    memory = SqliteMemory(path, "user-7")
    memory.remember(TURN)
    path.unlink()
    assert memory.recall() == ()
    memory.remember(TURN)
    with SqliteMemory(path, "user-7") as other:
        assert other.recall() == TURN
    memory.close()


def test_a_dropped_memory_lets_its_file_go(path: Path) -> None:
    memory = SqliteMemory(path, "user-7")
    memory.remember(TURN)
    del memory
    gc.collect()
    assert [file.name for file in path.parent.iterdir()] == ["chat.db"]


@pytest.mark.parametrize("path", ["", "half \ud800", None])
def test_refuses_what_is_no_path(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="not the path of a file"):
        SqliteMemory(path, "user-7")


@pytest.mark.parametrize("conversation", [7, None, "\ud800"])
def test_a_conversation_is_named_by_text(tmp_path: Path, conversation: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a conversation"):
        SqliteMemory(tmp_path / "chat.db", conversation)
