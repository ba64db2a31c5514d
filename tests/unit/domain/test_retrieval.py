"""What a bot is given of a store of somebody else's: whole text, finite scores, in either colour as it was asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import llamabot as lmb
from llamabot.domain.quotations import estimated_tokens, quotation
from llamabot.domain.retrieval import found_in
from llamabot.ports.documents import Match, Passage, Place
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


def match(text: str, score: float = 0.5, **metadata: Any) -> Match:
    return Match(Passage("a", 0, text, Place("a.md", 0, len(text)), metadata), score)


class Store:
    """Gives what it was made with, and notes what it was asked."""

    relevant_score = 0.25

    def __init__(self, *matches: Match) -> None:
        self.matches = matches
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def search(self, query: str, **how: Any) -> tuple[Match, ...]:
        self.asked.append((query, how))
        return self.matches


class AsyncStore(Store):
    async def asearch(self, query: str, **how: Any) -> tuple[Match, ...]:
        return super().search(query, **how)

    def search(self, query: str, **how: Any) -> tuple[Match, ...]:
        raise AssertionError("it can be awaited")


def test_half_characters_of_a_store_are_mended_wherever_they_are() -> None:
    place = Place("a.md", 0, 6, heading=("top\ud800",))
    broken = Match(Passage("a", 0, "half \ud800", place, {"b\udfff": "c\udfff", "n": 1}), 0.5)
    (mended,) = found_in(Store(broken), [broken]).matches
    assert mended.passage.metadata == {"b\ufffd": "c\ufffd", "n": 1}
    assert (mended.passage.text, mended.passage.place.heading) == ("half \ufffd", ("top\ufffd",))
    assert mended.score == 0.5


def test_what_is_whole_is_left_as_it_is() -> None:
    whole = match("all there", 0.75, title="b", of=None)
    found = found_in(Store(), [whole])
    assert found.matches == (whole,)
    assert found.matches[0].passage is whole.passage
    assert found.relevant_score == 0.25


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_no_number_is_nought(score: float) -> None:
    assert found_in(Store(), [match("a", score)]).matches[0].score == 0.0


def test_tokens_are_those_of_the_quotation_with_its_number() -> None:
    matches = [match("word " * 40 + "abcd")] * 12
    tokens = found_in(Store(), matches).tokens
    assert tokens == tuple(estimated_tokens(quotation(number, one)) for number, one in enumerate(matches, 1))
    assert len(set(tokens)) == 2, "a number of two digits takes its place"


@pytest.mark.parametrize("kind", [lmb.QueryBot, lmb.AsyncQueryBot])
@pytest.mark.parametrize("made", [Store, AsyncStore])
def test_a_store_is_asked_what_the_bot_was_told(kind: Any, made: Any) -> None:
    if made is AsyncStore and kind is lmb.QueryBot:
        return
    store = made(match("mold is a linker"))
    bot = kind(
        "Answer.",
        docstore=store,
        k=3,
        where={"lang": "en"},
        completion=ScriptedCompletion(["mold [1]"]),
        recorder=InMemoryRecorder(),
    )
    run = bot.run("Which linker?")
    asyncio.run(_awaited(run)) if asyncio.iscoroutine(run) else run
    assert store.asked == [("Which linker?", {"k": 3, "where": {"lang": "en"}})]


async def _awaited(coming: Any) -> Any:
    return await coming
