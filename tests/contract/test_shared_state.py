"""What decorators share keeps the promises of its ports, in memory and in files."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.shared_contracts import NOW_NS, CacheContract, LedgerContract, TurnsContract

from llamabot.adapters.fake.forks import FORKS
from llamabot.adapters.fake.shared import InMemoryCache, InMemoryLedger, InMemoryTurns
from llamabot.adapters.sqlite.shared import SqliteCache, SqliteLedger, SqliteTurns
from llamabot.ports.errors import ConfigurationError, SharedStateError
from llamabot.ports.turns import Rate


@pytest.mark.parametrize("kind", [InMemoryTurns, InMemoryLedger, InMemoryCache])
def test_no_fork_finds_its_lock_held(kind: Any) -> None:
    assert kind()._lock in FORKS._guarded


class TestInMemoryTurns(TurnsContract):
    def make(self) -> InMemoryTurns:
        return InMemoryTurns()


class TestInMemoryLedger(LedgerContract):
    def make(self) -> InMemoryLedger:
        return InMemoryLedger()


class TestInMemoryCache(CacheContract):
    def make(self) -> InMemoryCache:
        return InMemoryCache()

    def test_forgets_what_was_used_longest_ago(self) -> None:
        cache = InMemoryCache(2)
        cache.write({"a": b"1", "b": b"2"}, now_ns=NOW_NS)
        cache.read(["a"])
        cache.write({"c": b"3"}, now_ns=NOW_NS)
        assert set(cache.read(["a", "b", "c"])) == {"a", "c"}


class _InAFile:
    examples = 8


class TestSqliteTurns(_InAFile, TurnsContract):
    def make(self) -> SqliteTurns:
        return SqliteTurns(self.folder / "shared.db")


class TestSqliteLedger(_InAFile, LedgerContract):
    def make(self) -> SqliteLedger:
        return SqliteLedger(self.folder / "shared.db")

    def test_all_who_open_the_file_share_it_with_other_kinds_beside(self) -> None:
        with_others = SqliteTurns(self.folder / "shared.db"), SqliteCache(self.folder / "shared.db")
        with_others[0].take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS)
        self.make().reserve("a", "p", 7, limit_nusd=9)
        assert self.make().spent_nusd("a", "p") == 7
        assert not self.make().reserve("a", "p", 3, limit_nusd=9).is_reserved

    def test_the_file_is_its_owners_alone(self) -> None:
        self.make().reserve("a", "p", 7, limit_nusd=9)
        assert (self.folder / "shared.db").stat().st_mode & 0o077 == 0

    def test_says_in_our_words_what_is_wrong_with_the_file(self) -> None:
        (self.folder / "shared.db").write_bytes(b"no database" * 100)
        with pytest.raises(SharedStateError, match="not a database"):
            self.make().reserve("a", "p", 7, limit_nusd=9)


class TestSqliteCache(_InAFile, CacheContract):
    def make(self) -> SqliteCache:
        return SqliteCache(self.folder / "shared.db")


@pytest.mark.parametrize("most", [(0, None), (None, -1), (1.5, None), (True, None), (None, None)])
def test_refuses_a_rate_that_is_none(most: tuple[int | None, int | None]) -> None:
    with pytest.raises(ConfigurationError, match=r"[rt]pm="):
        Rate(*most)
    assert Rate(1, None) != Rate(None, 1)
