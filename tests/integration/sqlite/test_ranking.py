"""Texts are ranked by any words at all: none is an operator of SQLite's full-text index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.adapters.sqlite.ranking import rank_texts

TEXTS = ["an apple a day", "black OR white", "grey"]

words = st.text(st.characters() | st.sampled_from('"*^-+(){}:\0'), max_size=8)


@pytest.mark.parametrize("word", ['"', '""', "", "*", "\0", "\ud800", "NEAR(", 'a"', "^", "{x}:"])
def test_a_word_that_is_no_word_finds_nothing_and_hides_nothing(word: str) -> None:
    assert rank_texts(["grey"], [word]) == []
    assert rank_texts(TEXTS, [word, "apple"])[0] == "an apple a day"


@given(st.lists(words, max_size=5))
def test_whatever_the_words_are_what_one_of_them_finds_is_found(some: list[str]) -> None:
    assert set(rank_texts(TEXTS, ["grey", *some])) == {"grey", *rank_texts(TEXTS, some)}
