"""Text, and other JSON values: rich in what breaks programs, and small."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.ports.completion import Usage

__all__ = ["broken_texts", "costs", "json_values", "model_names", "texts", "usages"]

# Mapped, for hypothesis would melt alternatives of characters into one alphabet in which the rare ones are rare.
_characters = st.characters(codec="utf-8") | st.sampled_from('😀\u200d\u0301\r\n\x00\u2028\ufeff`"\\').map(str)
_halves_too = _characters | st.sampled_from("\ud83d\ude00").map(str)


def texts(*, min_size: int = 0, max_size: int = 30) -> SearchStrategy[str]:
    """Text that UTF-8 can carry, rich in what breaks programs: emoji, joiners, accents, line ends, NUL, quotes."""
    return st.text(_characters, min_size=min_size, max_size=max_size)


def broken_texts(*, min_size: int = 0, max_size: int = 30) -> SearchStrategy[str]:
    """Text as models send it: as `texts`, and with halves of characters (lone surrogates), alone or as a pair."""
    return st.text(_halves_too, min_size=min_size, max_size=max_size)


@cache
def json_values() -> SearchStrategy[Any]:
    """Any JSON value of moderate size; numbers are those that every JSON library reads alike."""
    numbers = st.integers(-(2**53), 2**53) | st.integers(-1000, 1000).map(lambda n: n / 8)
    leaves = st.none() | st.booleans() | numbers | texts(max_size=8)
    names = texts(max_size=6)
    flat = leaves | st.lists(leaves, max_size=3) | st.dictionaries(names, leaves, max_size=3)
    return flat | st.lists(flat, max_size=3) | st.dictionaries(names, flat, max_size=3)


@cache
def usages() -> SearchStrategy[Usage | None]:
    """Counted tokens, or None from a provider that does not count."""
    few = st.integers(0, 1000)
    return st.none() | st.builds(Usage, few, few, few, few)


@cache
def costs() -> SearchStrategy[float | None]:
    """Prices in sixty-fourths of a dollar, so that sums are exact in any order; None where it is unknown."""
    return st.none() | st.integers(0, 64).map(lambda n: n / 64)


@cache
def model_names() -> SearchStrategy[str | None]:
    """What a provider calls the model that answered; None where it does not say."""
    return st.none() | st.sampled_from(["gpt-x", "qwen"])
