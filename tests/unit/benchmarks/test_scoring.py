from __future__ import annotations

import pytest
from benchmarks.scoring import difference, halves, mean_of, quality, reciprocal
from hypothesis import given, settings
from hypothesis import strategies as st

ranks = st.lists(st.none() | st.integers(1, 30), min_size=1, max_size=20)


def test_counts_the_first_and_the_first_five_and_the_inverse_of_the_rank() -> None:
    found = quality([1, 2, 5, 6, None])
    assert found.recall_1.mean == pytest.approx(1 / 5)
    assert found.recall_5.mean == pytest.approx(3 / 5)
    assert found.mrr.mean == pytest.approx((1 + 1 / 2 + 1 / 5 + 1 / 6) / 5)


@settings(max_examples=20)
@given(ranks)
def test_a_mean_lies_in_its_interval_and_the_measures_in_their_order(of: list[int | None]) -> None:
    found = quality(of)
    for interval in (found.recall_1, found.recall_5, found.mrr):
        assert 0 <= interval.low <= interval.high <= 1
    assert found.recall_1.mean <= found.mrr.mean <= 1
    assert found.recall_1.mean <= found.recall_5.mean


def test_the_interval_is_the_one_of_the_textbook_for_many_questions() -> None:
    found = mean_of([0.0] * 200 + [1.0] * 200)
    assert (found.low, found.high) == pytest.approx((0.5 - 0.049, 0.5 + 0.049), abs=0.006)
    assert mean_of([0.5] * 7) == mean_of([0.5] * 3)
    assert mean_of([0.0, 1.0]) == mean_of([0.0, 1.0])


def test_a_difference_is_taken_question_by_question() -> None:
    better = difference([1, 1, 2, None], [2, 2, 4, None])
    assert better.mean == pytest.approx((0.5 + 0.5 + 0.25) / 4)
    assert difference([2, 2, 4], [1, 1, 2]).high < 0
    same = difference([1, None, 3], [1, None, 3])
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="zip"):
        difference([1], [1, 2])


def test_what_was_not_found_counts_nothing() -> None:
    assert reciprocal([1, None, 4]) == [1, 0, 0.25]


@settings(max_examples=20)
@given(st.integers(2, 200))
def test_the_halves_share_no_question_and_leave_none_out(count: int) -> None:
    chosen, reported = halves(count)
    assert sorted(chosen + reported) == list(range(count))
    assert abs(len(chosen) - len(reported)) <= 1
    assert (chosen, reported) == halves(count)
