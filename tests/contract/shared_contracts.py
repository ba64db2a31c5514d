"""The contracts of what decorators of ports share: turns, ledgers, caches. Any adapter of these ports inherits them."""

from __future__ import annotations

import pickle
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.ports.ledger import Balance
from llamabot.ports.turns import MINUTE_NS, Rate
from llamabot.testing.contracts.at_once import all_at_once
from llamabot.testing.contracts.contract import Contract

__all__ = ["CacheContract", "LedgerContract", "TurnsContract"]

NOW_NS = 1_800_000_000_000_000_000
FOREVER_NS = 2**62
S_NS = 1_000_000_000

_numbers = count()
names = st.sampled_from(["", "a", "A", "a|b", "'; DROP TABLE spendings; --", "\N{LLAMA}", "nul\0"])


class SharedContract(Contract):
    """The hooks."""

    examples = 30
    folder: Path
    home: Path

    def make(self) -> Any:
        """Return an adapter, with nothing in it, of what is in `folder`."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _in_a_folder(self, tmp_path: Path) -> None:
        self.folder = self.home = tmp_path

    def made_anew(self) -> Any:
        """Return an adapter of an empty folder, for one example."""
        self.folder = self.home / str(next(_numbers))
        return self.make()

    def test_says_whether_it_blocks(self) -> None:
        assert type(self.make().blocks) is bool

    def test_can_be_pickled(self) -> None:
        made = self.make()
        assert repr(pickle.loads(pickle.dumps(made))) == repr(made)  # noqa: S301 - it was pickled a moment ago


class TurnsContract(SharedContract):
    """Promises of `TurnsPort`."""

    def test_deals_out_what_fits_in_any_minute_and_in_order(self) -> None:
        @self.searching
        @given(
            st.integers(1, 4),
            st.integers(1, 100),
            st.lists(st.tuples(st.integers(0, 40), st.integers(0, 130), st.none() | st.integers(0, 130)), max_size=12),
        )
        def check(requests: int, tokens: int, asked: list[tuple[int, int, int | None]]) -> None:
            turns, now_ns, dealt = self.made_anew(), NOW_NS, []
            for seconds, wanted, corrected in asked:
                now_ns += seconds * S_NS
                turn = turns.take("q", Rate(requests, tokens), wanted, now_ns=now_ns, latest_ns=FOREVER_NS)
                assert turn.start_ns >= now_ns
                dealt.append((turn.start_ns, wanted))
                if corrected is not None and corrected <= wanted:
                    turns.correct("q", turn.number, corrected)
                    dealt[-1] = (turn.start_ns, corrected)
            starts = [start for start, _ in dealt]
            assert starts == sorted(starts)
            for start in starts:
                minute = [taken for begun, taken in dealt if start <= begun < start + MINUTE_NS]
                assert len(minute) <= requests
                assert sum(minute) <= tokens or len([taken for taken in minute if taken]) == 1

        check()

    def test_lets_pass_at_once_what_fits(self) -> None:
        turns = self.make()
        starts = [turns.take("q", Rate(3), 0, now_ns=NOW_NS, latest_ns=NOW_NS).start_ns for _ in range(3)]
        assert starts == [NOW_NS] * 3
        assert turns.take("q", Rate(3), 0, now_ns=NOW_NS + S_NS, latest_ns=FOREVER_NS).start_ns == NOW_NS + MINUTE_NS

    def test_takes_no_turn_that_comes_too_late(self) -> None:
        turns = self.make()
        turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS)
        for _ in range(3):
            late = turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS + MINUTE_NS - 1)
            assert (late.number, late.start_ns) == (None, NOW_NS + MINUTE_NS)
        assert turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS + MINUTE_NS).number is not None

    def test_keeps_queues_apart(self) -> None:
        turns = self.make()
        for queue in ("", "a", "b"):
            assert turns.take(queue, Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS).number is not None

    def test_a_turn_that_is_given_back_is_free_for_others(self) -> None:
        turns = self.make()
        turn = turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS)
        turns.give_back("q", turn.number)
        turns.give_back("q", turn.number)
        assert turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS).number is not None

    def test_what_took_more_than_was_thought_counts_as_more(self) -> None:
        turns, rate = self.make(), Rate(None, 100)
        turn = turns.take("q", rate, 10, now_ns=NOW_NS, latest_ns=NOW_NS)
        turns.correct("q", turn.number, 95)
        assert turns.take("q", rate, 10, now_ns=NOW_NS, latest_ns=FOREVER_NS).start_ns == NOW_NS + MINUTE_NS

    def test_waits_no_longer_than_until_what_is_left_fits_exactly(self) -> None:
        turns, rate = self.make(), Rate(None, 100)
        turns.take("q", rate, 60, now_ns=NOW_NS, latest_ns=NOW_NS)
        later_ns = NOW_NS + 10 * S_NS
        assert turns.take("q", rate, 40, now_ns=later_ns, latest_ns=later_ns).start_ns == later_ns
        assert turns.take("q", rate, 60, now_ns=later_ns, latest_ns=FOREVER_NS).start_ns == NOW_NS + MINUTE_NS

    def test_knows_nothing_of_turns_that_are_over(self) -> None:
        turns = self.make()
        turn = turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=NOW_NS)
        later_ns = NOW_NS + 2 * MINUTE_NS
        turns.take("q", Rate(1), 0, now_ns=later_ns, latest_ns=later_ns)
        turns.correct("q", turn.number, 5)
        turns.give_back("q", turn.number)

    def test_does_not_wait_for_a_clock_that_was_set_back(self) -> None:
        turns = self.make()
        turns.take("q", Rate(1), 0, now_ns=NOW_NS + 3600 * S_NS, latest_ns=FOREVER_NS)
        assert turns.take("q", Rate(1), 0, now_ns=NOW_NS, latest_ns=FOREVER_NS).start_ns == NOW_NS

    def test_threads_get_each_a_turn_of_their_own(self) -> None:
        turns, got = self.make(), []
        all_at_once(lambda number: got.append(turns.take("q", Rate(4), 0, now_ns=NOW_NS, latest_ns=FOREVER_NS)), 12)
        assert len({turn.number for turn in got}) == 12
        assert sorted((turn.start_ns - NOW_NS) // MINUTE_NS for turn in got) == [0] * 4 + [1] * 4 + [2] * 4


class LedgerContract(SharedContract):
    """Promises of `LedgerPort`."""

    def test_sets_nothing_aside_beyond_the_limit(self) -> None:
        @self.searching
        @given(
            st.integers(0, 100), st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(0, 60)), max_size=10)
        )
        def check(limit: int, asked: list[tuple[int, int | None]]) -> None:
            ledger, spent = self.made_anew(), 0
            for amount, paid in asked:
                balance = ledger.reserve("a", "p", amount, limit_nusd=limit)
                fits = spent + amount <= limit
                spent += amount if fits else 0
                assert balance == Balance(fits, spent)
                if fits and paid is not None:
                    ledger.settle("a", "p", reserved_nusd=amount, spent_nusd=paid)
                    spent += paid - amount
                assert ledger.spent_nusd("a", "p") == spent

        check()

    def test_keeps_accounts_and_periods_apart(self) -> None:
        @self.searching
        @given(st.dictionaries(st.tuples(names, names), st.integers(0, 9), max_size=6))
        def check(spent: dict[tuple[str, str], int]) -> None:
            ledger = self.made_anew()
            for (account, period), amount in spent.items():
                ledger.reserve(account, period, amount, limit_nusd=9)
            assert {key: ledger.spent_nusd(*key) for key in spent} == spent
            assert ledger.spent_nusd("of nobody", "p") == 0

        check()

    def test_threads_set_aside_no_more_than_there_is(self) -> None:
        ledger, got = self.make(), []
        all_at_once(lambda number: got.append(ledger.reserve("a", "p", 10, limit_nusd=45).is_reserved), 10)
        assert sorted(got) == [False] * 6 + [True] * 4
        assert ledger.spent_nusd("a", "p") == 40

    def test_threads_settle_each_their_own(self) -> None:
        ledger = self.make()

        def work(number: int) -> None:
            ledger.reserve("a", "p", 10, limit_nusd=1000)
            ledger.settle("a", "p", reserved_nusd=10, spent_nusd=number)

        all_at_once(work, 8)
        assert ledger.spent_nusd("a", "p") == sum(range(8))


class CacheContract(SharedContract):
    """Promises of `CachePort`."""

    def test_returns_what_was_written_last(self) -> None:
        @self.searching
        @given(st.lists(st.dictionaries(st.text("ab01", max_size=2), st.binary(max_size=20), max_size=3), max_size=4))
        def check(written: list[dict[str, bytes]]) -> None:
            cache, expected = self.made_anew(), {}
            for items in written:
                cache.write(items, now_ns=NOW_NS)
                expected.update(items)
            assert dict(cache.read([*expected, "not there"])) == expected
            assert dict(cache.read([])) == {}

        check()

    def test_leaves_out_what_is_too_old(self) -> None:
        cache = self.make()
        cache.write({"old": b"1", "renewed": b"2"}, now_ns=NOW_NS)
        cache.write({"renewed": b"3"}, now_ns=NOW_NS + 1)
        assert dict(cache.read(["old", "renewed"], since_ns=NOW_NS + 1)) == {"renewed": b"3"}
        assert dict(cache.read(["old", "renewed"], since_ns=NOW_NS)) == {"old": b"1", "renewed": b"3"}

    def test_forgets_when_told_to(self) -> None:
        cache = self.make()
        cache.clear()
        cache.write({"a": b"1"}, now_ns=NOW_NS)
        cache.clear()
        assert dict(cache.read(["a"])) == {}

    def test_threads_share_it(self) -> None:
        cache = self.make()
        all_at_once(lambda number: cache.write({str(number): bytes([number])}, now_ns=NOW_NS), 8)
        assert dict(cache.read([str(number) for number in range(8)])) == {str(n): bytes([n]) for n in range(8)}
