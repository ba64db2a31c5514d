from __future__ import annotations

from collections.abc import Hashable, Mapping

import pytest
from benchmarks.fusions import RULES, min_max, reciprocal_ranks, reranked, rescued, z_scores
from hypothesis import given, settings
from hypothesis import strategies as st

VECTORS = {"a": 0.9, "b": 0.7, "c": 0.5}
KEYWORDS = {"c": 12.0, "b": 6.0, "d": 4.0}

scores = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.125, 20), max_size=8)


def _order(found: Mapping[Hashable, float]) -> str:
    return "".join(str(key) for key in sorted(found, key=lambda key: (-found[key], str(key))))


def test_reciprocal_ranks_are_those_of_the_paper() -> None:
    found = reciprocal_ranks(60, 0.5)(VECTORS, KEYWORDS)
    assert found["a"] * 2 == pytest.approx(1 / 61)
    assert found["b"] * 2 == pytest.approx(1 / 62 + 1 / 62)
    assert found["c"] * 2 == pytest.approx(1 / 63 + 1 / 61)
    assert found["d"] * 2 == pytest.approx(1 / 63)
    heavier = reciprocal_ranks(10, 0.7)(VECTORS, KEYWORDS)
    assert heavier["c"] == pytest.approx(0.7 / 13 + 0.3 / 11)


def test_equal_scores_have_equal_ranks() -> None:
    found = reciprocal_ranks(0, 1.0)({"a": 1.0, "b": 1.0, "c": 0.5}, {})
    assert found == {"a": 1, "b": 1, "c": pytest.approx(1 / 3)}


def test_min_max_puts_each_half_between_0_and_1() -> None:
    assert min_max(0.8)(VECTORS, KEYWORDS) == pytest.approx({"a": 0.8, "b": 0.4 + 0.05, "c": 0.2, "d": 0.0})


def test_z_scores_count_what_is_missing_as_the_lowest() -> None:
    found = z_scores(0.5)({"a": 1.0, "b": -1.0}, {"b": 30.0, "c": 10.0})
    assert found == pytest.approx({"a": 0.5 - 0.5, "b": -0.5 + 0.5, "c": -0.5 - 0.5})


def test_of_the_closest_some_are_put_in_the_order_of_their_words() -> None:
    assert _order(reranked(2)(VECTORS, KEYWORDS)) == "bac"
    assert _order(reranked(3)(VECTORS, KEYWORDS)) == "cba"


def test_the_best_by_words_is_rescued_unless_it_is_there() -> None:
    assert _order(rescued(2)(VECTORS, {"d": 3.0, "a": 1.0})) == "adbc"
    assert _order(rescued(2)(VECTORS, {"c": 3.0})) == "acb"
    assert _order(rescued(2)(VECTORS, {"a": 3.0})) == "abc"
    assert _order(rescued(2)(VECTORS, {})) == "abc"


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=10)
@given(vectors=scores, keywords=scores)
def test_every_rule_takes_any_halves_and_ranks_none_but_theirs(
    name: str, vectors: dict[Hashable, float], keywords: dict[Hashable, float]
) -> None:
    found = RULES[name](vectors, keywords)
    assert set(found) <= {*vectors, *keywords}
    assert set(vectors) <= set(found)
