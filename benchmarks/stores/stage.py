"""A store that is built, and who stands beside it in every benchmark of stores."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stores.corpus import Corpus
from benchmarks.stores.environments import CACHE, Contender
from llamabot.adapters.models import install

__all__ = ["Stage", "stage"]


@dataclass(frozen=True)
class Stage:
    """The contenders of one run.

    Attributes:
        built: passages that ours took in a second, the training of the index included.
        ours: a process that has not opened the store yet.
        lance: LanceDB with the same vectors.
    """

    built: float
    ours: Contender
    lance: Contender
    size: int
    others: ExitStack

    def beside(self, name: str, *arguments: object) -> Contender:
        """Return one more contender; it ends with the others."""
        return self.others.enter_context(Contender(name, CACHE, self.size, *arguments))


@contextmanager
def stage(size: int) -> Iterator[Stage]:
    """Build a store of so many passages in a folder that goes afterwards, and have the contenders ready."""
    model = install("minilm").path
    Corpus(CACHE, size).prepare(model)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=CACHE)))
        with Contender("llamabot", CACHE, size, folder / "llamabot", model) as builder:
            built = builder.ask("build")
        ours = stack.enter_context(Contender("llamabot", CACHE, size, folder / "llamabot", model))
        lance = stack.enter_context(Contender("lancedb", CACHE, size, folder / "lancedb"))
        yield Stage(built, ours, lance, size, stack)
