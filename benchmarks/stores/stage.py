"""A store that is built, and who stands beside it in every benchmark of stores."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cache import CACHE
from benchmarks.contenders import Contender, python_with
from benchmarks.stores.corpus import Corpus
from llamabot.adapters.models import install

__all__ = ["Stage", "stage"]

_STORES = CACHE / "stores"
# What `pip install lancedb` and the like give today; a change of theirs must not change our figures unseen.
_PACKAGES = {
    "lancedb": ("lancedb==0.40.0", "numpy==2.4.6"),
    "bm25s": ("bm25s==0.3.16", "numpy==2.4.6"),
    "numpy": ("numpy==2.4.6",),
}


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
        return self.others.enter_context(_contender(name, self.size, *arguments))


@contextmanager
def stage(size: int) -> Iterator[Stage]:
    """Build a store of so many passages in a folder that goes afterwards, and have the contenders ready."""
    model = install("minilm").path
    Corpus(_STORES, size).prepare(model)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_STORES)))
        with _contender("llamabot", size, folder / "llamabot", model) as builder:
            built = builder.ask("build")
        ours = stack.enter_context(_contender("llamabot", size, folder / "llamabot", model))
        lance = stack.enter_context(_contender("lancedb", size, folder / "lancedb"))
        yield Stage(built, ours, lance, size, stack)


def _contender(name: str, size: int, *arguments: object) -> Contender:
    python = python_with(_STORES / name, _PACKAGES[name]) if name in _PACKAGES else Path(sys.executable)
    return Contender(python, f"benchmarks.stores.{name}_side", _STORES, size, *arguments)
