"""What a document store of a million passages costs, beside others. It takes about twenty minutes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.docstore import exactly
from benchmarks.harness import CALIBRATION, Row, Section, rounds, spread
from benchmarks.stores.corpus import Corpus
from benchmarks.stores.environments import CACHE, Contender
from llamabot.adapters.models import install

__all__ = ["measure"]

_SIZE = 1_000_000
_ROUNDS = 5
_COMPARED = 20
_TEXT = f"""
As above, with {_SIZE:,} passages. Numpy compares everything for {_COMPARED} of the queries. Memory is that of the
process that searches by meaning, and opening is the time until its first answer.
"""


def measure() -> Section:
    """Build, then take turns."""
    model = install("minilm").path
    corpus = Corpus(CACHE, _SIZE)
    corpus.prepare(model)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=CACHE)))
        with Contender("llamabot", CACHE, _SIZE, folder / "llamabot", model) as builder:
            built = builder.ask("build")
        ours = stack.enter_context(Contender("llamabot", CACHE, _SIZE, folder / "llamabot", model))
        lance = stack.enter_context(Contender("lancedb", CACHE, _SIZE, folder / "lancedb"))
        opened, recalls = ours.ask("open"), {"ours": ours.ask("recall"), "lance": lance.ask("recall")}
        resident = ours.ask("memory")
        exact = stack.enter_context(Contender("numpy", CACHE, _SIZE, _COMPARED))
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
            exactly("adding all of them, the training of the index included", built, "passages/s"),
            Row("adding one more", spread(found["append"]), "ms"),
            Row("LanceDB, a search by meaning", spread(found["lance"]), "ms"),
            exactly("LanceDB, recall of the ten closest", recalls["lance"], ""),
            exactly("LanceDB, memory", lance_resident, "MiB"),
            Row("numpy, every passage compared", spread(found["exact"]), "ms"),
        ],
        spread(found[CALIBRATION]),
    )
