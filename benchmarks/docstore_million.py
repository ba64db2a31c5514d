"""What a document store of a million passages costs, beside others. It takes about twenty minutes."""

from __future__ import annotations

from benchmarks.docstore import exactly
from benchmarks.harness import CALIBRATION, Row, Section, rounds, spread
from benchmarks.stores.stage import stage

__all__ = ["measure"]

_SIZE = 1_000_000
_ROUNDS = 5
_COMPARED = 20
_TEXT = f"""
As with a hundred thousand, here of {_SIZE:,} passages. Numpy compares everything for {_COMPARED} of the queries.
Memory is that of the process that searches by meaning, and opening is the time until its first answer.
"""


def measure() -> Section:
    """Build, then take turns."""
    with stage(_SIZE) as on:
        ours, lance = on.ours, on.lance
        opened, recalls = ours.ask("open"), {"ours": ours.ask("recall"), "lance": lance.ask("recall")}
        resident = ours.ask("memory")
        exact = on.beside("numpy", _COMPARED)
        found = rounds(
            _ROUNDS,
            {
                "vectors": lambda: ours.ask("vectors"),
                "filtered": lambda: ours.ask("filtered"),
                "append": lambda: ours.ask("append"),
                "lance": lambda: lance.ask("vectors"),
                "exact": lambda: exact.ask("vectors"),
            },
        )
        lance_resident = lance.ask("memory")
    return Section(
        "A document store of a million passages",
        _TEXT,
        [
            Row("a search by meaning", spread(found["vectors"]), "ms", 2),
            exactly("recall of the ten closest", recalls["ours"], "", 0.97, at_least=True),
            exactly("memory of the process that searches", resident, "MiB", 1.2 * 1024),
            exactly("opening and the first search", opened, "s", 2),
            Row("a search by meaning with a filter that a tenth passes", spread(found["filtered"]), "ms"),
            exactly("adding all of them, the training of the index included", on.built, "passages/s"),
            Row("adding one more", spread(found["append"]), "ms"),
            Row("LanceDB, a search by meaning", spread(found["lance"]), "ms"),
            exactly("LanceDB, recall of the ten closest", recalls["lance"], ""),
            exactly("LanceDB, memory", lance_resident, "MiB"),
            Row("numpy, every passage compared", spread(found["exact"]), "ms"),
        ],
        spread(found[CALIBRATION]),
    )
