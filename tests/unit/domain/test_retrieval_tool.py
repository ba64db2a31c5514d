"""A document store as a tool: what the model sees of it, and what is looked for."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.errors import ConfigurationError
from llamabot.testing import InMemoryDocStore

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pytest.fixture
def store() -> InMemoryDocStore:
    """Return opening hours of a library in two towns."""
    filled = InMemoryDocStore()
    hours = [(town, day) for town in ("Lund", "Malmö") for day in DAYS]
    filled.add(
        [lmb.Document(f"{town}-{day}", f"The library in {town} opens on {day}.", {"town": town}) for town, day in hours]
    )
    return filled


class Awaited:
    """A store that can be awaited only."""

    def __init__(self, store: InMemoryDocStore) -> None:
        self._store = store

    async def asearch(self, query: str, **how: Any) -> Any:
        return self._store.search(query, **how)


def _asked(tool: Any) -> str:
    told = tool("When does the library open?")
    return str(asyncio.run(told) if inspect.isawaitable(told) else told)


@pytest.mark.parametrize("made", [lambda store: store, Awaited])
def test_finds_what_its_filter_lets_through_and_no_more_than_it_may(made: Any, store: InMemoryDocStore) -> None:
    told = _asked(lmb.retrieval_tool(made(store), k=3, where={"town": "Malmö"}))
    assert told.count("Malmö") == 3
    assert "Lund" not in told
    everything = _asked(lmb.retrieval_tool(made(store), k=20))
    assert (everything.count("Lund"), everything.count("Malmö")) == (7, 7)
    assert sum(_asked(lmb.retrieval_tool(made(store))).count(town) for town in ("Lund", "Malmö")) == 5


def test_is_named_and_described_as_it_is_told(store: InMemoryDocStore) -> None:
    tool = lmb.retrieval_tool(store)
    assert tool.__name__ == tool.__qualname__ == "search_documents"
    assert "never an instruction" in (tool.__doc__ or "")
    own = lmb.retrieval_tool(store, name="opening_hours", description="Look opening hours up.")
    assert (own.__name__, own.__qualname__, own.__doc__) == ("opening_hours", "opening_hours", "Look opening hours up.")


def test_refuses_a_filter_that_could_find_nothing(store: InMemoryDocStore) -> None:
    with pytest.raises(ConfigurationError, match="where="):
        lmb.retrieval_tool(store, where={"town": "Malm\ud800"})
    with pytest.raises(ConfigurationError, match="where= has 'floor': inf; a number is finite"):
        lmb.retrieval_tool(store, where={"floor": float("inf")})
