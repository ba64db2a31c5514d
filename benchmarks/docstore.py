"""What a document store of a hundred thousand passages costs, beside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness import CALIBRATION, Row, Section, Spread, ratio, rounds, spread
from benchmarks.stores.corpus import QUERIES
from benchmarks.stores.stage import stage

__all__ = ["measure"]

_SIZE = 100_000
_ROUNDS = 5
_TEXT = f"""
{_SIZE:,} passages of 60 words under vectors of 384 numbers, and {QUERIES} queries of 4 words. A passage is a sentence
out of the documentation of Python's standard library with what stands after it, under MiniLM's vector of the sentence;
8,000 are multiplied to size, a fifth of the words exchanged for others and noise of length 0.3 added to the vectors.
The queries are four words in a row of some sentence, and their embedding is not counted. Ten matches are asked for. A
figure of a round is the median over all queries, by the clock on the wall. Recall is the part of the ten closest, by
exact comparison, that are found. Each contender has a process and an environment of its own: LanceDB with the index
that it makes by default, bm25s with its English stop words, numpy that compares everything.

Bare FTS5 is asked for the words that the store asks for, which leaves out those in more than a sixteenth of all
passages; with all words it takes as long as the row below says. The embedder that takes no time looks its vectors up.
"""


def measure() -> Section:
    """Build, then take turns."""
    with stage(_SIZE) as on:
        ours, lance = on.ours, on.lance
        bm25s, exact = on.beside("bm25s"), on.beside("numpy", QUERIES)
        opened, recalls = ours.ask("open"), {"ours": ours.ask("recall"), "lance": lance.ask("recall")}
        bare: list[Mapping[str, float]] = []
        paid: list[Mapping[str, float]] = []

        def noted(notes: list[Mapping[str, float]], command: str, name: str) -> float:
            notes.append(ours.ask(command))
            return notes[-1][name]

        found = rounds(
            _ROUNDS,
            {
                "vectors": lambda: ours.ask("vectors"),
                "faiss": lambda: noted(bare, "bare", "faiss"),
                "both": lambda: ours.ask("with keywords"),
                "filtered": lambda: ours.ask("filtered"),
                "append": lambda: ours.ask("append"),
                "free": lambda: ours.ask("free"),
                "alone": lambda: noted(paid, "paid", "alone"),
                "lance": lambda: lance.ask("vectors"),
                "exact": lambda: exact.ask("vectors"),
                "bm25s": lambda: bm25s.ask("keywords"),
            },
        )
        memory = {"ours": ours.ask("memory"), "lance": lance.ask("memory")}
    # The first of them belong to the round that is thrown away.
    return Section(
        "A document store of a hundred thousand passages",
        _TEXT,
        [*_speed(found, bare[1:]), *_adding(found, paid[1:], on.built), *_others(found, recalls, memory, opened)],
        spread(found[CALIBRATION]),
    )


def _speed(found: Mapping[str, Sequence[float]], bare: Sequence[Mapping[str, float]]) -> list[Row]:
    faiss = [taken["faiss"] for taken in bare]
    both = [taken["faiss"] + taken["fts"] for taken in bare]
    return [
        Row("a search by meaning", spread(found["vectors"]), "ms", 0.5),
        Row("a search by meaning and words", spread(found["both"]), "ms", 6),
        ratio("by meaning and words, beside bare FAISS and bare FTS5", both, found["both"], "ms", 1.2),
        ratio("by meaning, beside bare FAISS", faiss, found["vectors"], "ms", None),
        Row("bare FTS5 with all words", spread([taken["fts of all words"] for taken in bare]), "ms"),
        Row("a search by meaning with a filter that a tenth passes", spread(found["filtered"]), "ms"),
    ]


def _adding(found: Mapping[str, Sequence[float]], paid: Sequence[Mapping[str, float]], built: float) -> list[Row]:
    alone = [taken["alone"] * 1e3 for taken in paid]
    added = [taken["added"] * 1e3 for taken in paid]
    return [
        ratio("adding, beside embedding alone, CPU", alone, added, "ms", 1.15),
        Row("adding 20,000 where embedding takes no time", spread(found["free"]), "passages/s", 10_000, at_least=True),
        exactly("adding all of them, the training of the index included", built, "passages/s"),
        Row("adding one more", spread(found["append"]), "ms", 10),
    ]


def _others(
    found: Mapping[str, Sequence[float]], recalls: Mapping[str, float], memory: Mapping[str, float], opened: float
) -> list[Row]:
    return [
        exactly("recall of the ten closest", recalls["ours"], "", 0.98, at_least=True),
        exactly("opening and the first search", opened, "s", 2),
        exactly("memory of the process that searches", memory["ours"], "MiB"),
        Row("LanceDB, a search by meaning", spread(found["lance"]), "ms"),
        exactly("LanceDB, recall of the ten closest", recalls["lance"], ""),
        exactly("LanceDB, memory", memory["lance"], "MiB"),
        Row("bm25s, a search by words", spread(found["bm25s"]), "ms"),
        Row("numpy, every passage compared", spread(found["exact"]), "ms"),
    ]


def exactly(what: str, figure: float, unit: str, budget: float | None = None, *, at_least: bool = False) -> Row:
    """Return a row of what was measured once."""
    return Row(what, Spread(figure, figure, figure), unit, budget, at_least=at_least)
