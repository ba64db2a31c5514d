"""Many read while one writes, in threads and processes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.contract.children import finish, run, start
from tests.integration.docstore.shelf import books, check, shelf

from llamabot.adapters.sqlite.docstore.storage import FileStorage
from llamabot.ports.errors import DocStoreError

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")

_READING = """
import sys
from pathlib import Path
from tests.integration.docstore.shelf import shelf
counts = set()
with shelf(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    while 5_000 not in counts:
        counts.add(sum(match.passage.text.startswith("volume") for match in store.search("volume", k=20_000)))
print(*sorted(counts))
"""


def test_a_reader_in_another_process_sees_ten_thousand_passages_come_batch_by_batch(tmp_path: Path) -> None:
    with shelf(tmp_path / "store") as store:
        store.add(books(500))
        child = start(_READING, tmp_path / "store")
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for batch in range(1, 10):
            store.add(books(500, 500 * batch))
        seen = [int(count) for count in finish(child).split()]
    assert {count % 500 for count in seen} == {0}
    assert seen[-1] == 5_000


_HOLDING = """
import sys, time
from pathlib import Path
from llamabot.adapters.sqlite.docstore.storage import FileStorage
with FileStorage(Path(sys.argv[1]) / "documents.db", patience_s=1).writing():
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_the_second_writer_waits_and_then_says_who_writes(tmp_path: Path) -> None:
    with shelf(tmp_path / "store", patience_s=0.1) as store:
        store.add(books(1))
        child = start(_HOLDING, tmp_path / "store")
        assert child.stdout is not None
        assert child.stdout.readline() == "mine\n"
        with pytest.raises(
            DocStoreError, match=rf"process {child.pid} has been writing to it for more than 0\.1 s"
        ) as told:
            store.add(books(1, 1))
        assert told.value.retryable
        assert len(store.search("linker")) == 2  # who reads does not wait
    with shelf(tmp_path / "store", patience_s=60) as store:
        assert child.stdin is not None
        child.stdin.close()
        store.add(books(1, 1))
        check(store, books(2))
    child.wait(60)
    child.stdout.close()
    assert child.stderr is not None
    child.stderr.close()


def test_a_killed_writer_holds_nobody_up(tmp_path: Path) -> None:
    child = start(_HOLDING, tmp_path / "store")
    assert child.stdout is not None
    child.stdout.readline()
    child.kill()
    child.communicate()
    with shelf(tmp_path / "store", patience_s=1) as store:
        store.add(books(1))
        check(store, books(1))


def test_writers_in_threads_of_one_process_are_told_apart_too(tmp_path: Path) -> None:
    with (
        shelf(tmp_path / "store", patience_s=0.05) as store,
        FileStorage(tmp_path / "store" / "documents.db", patience_s=1).writing(),
        pytest.raises(DocStoreError, match="this process has been writing"),
    ):
        store.add(books(1))


_WRITING = """
import sys
from pathlib import Path
from tests.integration.docstore.shelf import books, shelf
with shelf(Path(sys.argv[1]), patience_s=60) as store:
    for number in range(int(sys.argv[2]), 40, 2):
        store.add(books(1, number))
"""


def test_writers_in_two_processes_take_turns(tmp_path: Path) -> None:
    children = [start(_WRITING, tmp_path / "store", first) for first in (0, 1)]
    for child in children:
        finish(child)
    with shelf(tmp_path / "store") as store:
        check(store, books(40))


_FORKING = """
import os, sys
from pathlib import Path
from tests.integration.docstore.shelf import books, check, shelf
with shelf(Path(sys.argv[1])) as store, shelf(None) as memory:
    for one in (store, memory):
        one.add(books(3))
        one.search("linker")
    child = os.fork()
    if child == 0:
        for one in (store, memory):
            check(one, books(3))
            one.add(books(1, 3))
            check(one, books(4))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    check(store, books(4))
    check(memory, books(3))
print("well")
"""


@posix
def test_a_forked_child_goes_on_with_a_store_of_its_own(tmp_path: Path) -> None:
    assert run(_FORKING, tmp_path / "store") == "well\n"


@posix
def test_what_is_stored_is_for_its_owner_alone(tmp_path: Path) -> None:
    with shelf(tmp_path / "new" / "store") as store:
        store.add(books(1_100))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*")}
    assert {mode & 0o077 for mode in modes.values()} == {0}, modes
