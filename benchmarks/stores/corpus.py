"""Passages, queries and their vectors, made to any size from real sentences.

The sentences are those of Python's own documentation in the standard library. MiniLM embeds some thousands of them and
the queries, which are four words in a row of some sentence. A passage is a sentence and what stands after it, sixty
words in all, under the sentence's vector. Both are multiplied to size: the vector gets a little noise, and a fifth of
the words give way to others. Everything follows from the size, and the vectors are kept in the cache.
"""

from __future__ import annotations

import ast
import itertools
import random
import re
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["CLOSEST", "DIMENSIONS", "QUERIES", "Corpus", "recall"]

DIMENSIONS = 384
QUERIES = 200
CLOSEST = 10
_EMBEDDED = 8_000
_NOISE = 0.3  # the length of what is added to a unit vector
_WORDS = 60
_EXCHANGED = 12
_BLOCK = 20_000


class Corpus:
    """A corpus in a folder of the cache.

    Args:
        cache: where corpora are kept.
        size: how many passages.
    """

    def __init__(self, cache: Path, size: int) -> None:
        self.size = size
        self._base = cache / "sentences.npz"
        self._folder = cache / f"corpus-{size}"

    @property
    def vectors_file(self) -> Path:
        """Float32, shape (size, 384), unit rows."""
        return self._folder / "vectors.npy"

    def prepare(self, model: Path) -> None:
        """Make what is missing; this takes minutes the first time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._base.exists():
            self._embed(model)
        if not (self._folder / "closest.npy").exists():
            self._multiply()

    def queries(self) -> list[str]:
        """Return the queries."""
        import numpy as np

        return [str(query) for query in np.load(self._base)["queries"]]

    def query_vectors(self) -> Any:
        """Return their vectors, shape (QUERIES, 384)."""
        import numpy as np

        return np.load(self._base)["query_vectors"]

    def vectors(self) -> Any:
        """Return the passages' vectors, read from the disk as they are used."""
        import numpy as np

        return np.load(self.vectors_file, mmap_mode="r")

    def closest(self) -> Any:
        """Return the inner product of each query with its tenth closest passage, shape (QUERIES,)."""
        import numpy as np

        return np.load(self._folder / "closest.npy")

    def texts(self) -> Iterator[str]:
        """Yield the passages' texts; the first word of each is its number."""
        chance, sentences = random.Random(2), _sentences()
        words = [word for sentence in sentences for word in sentence.split()]
        words += words[:_WORDS]
        starts = dict(zip(sentences, itertools.accumulate(map(_length, sentences), initial=0), strict=False))
        embedded = _in_another_order(sentences, random.Random(1))[:_EMBEDDED]
        for number in range(self.size):
            start = starts[embedded[number % len(embedded)]]
            passage = [f"p{number}", *words[start : start + _WORDS - 1]]
            for place in chance.sample(range(1, _WORDS), _EXCHANGED if number >= len(embedded) else 0):
                passage[place] = chance.choice(words)
            yield " ".join(passage)

    def _embed(self, model: Path) -> None:
        import numpy as np

        from llamabot import OnnxEmbedding

        chance = random.Random(1)
        sentences = _in_another_order(_sentences(), chance)
        queries = []
        for sentence in chance.choices(sentences, k=QUERIES):
            words = sentence.split()
            start = chance.randrange(len(words) - 3)
            queries.append(" ".join(words[start : start + 4]))
        embedding = OnnxEmbedding(model)
        vectors, query_vectors = embedding.embed(sentences[:_EMBEDDED]), embedding.embed(queries)
        np.savez(self._base, vectors=vectors, queries=np.array(queries), query_vectors=query_vectors)

    def _multiply(self) -> None:
        import numpy as np

        base, queries, chance = np.load(self._base)["vectors"], self.query_vectors(), np.random.default_rng(3)
        shape = (self.size, DIMENSIONS)
        vectors = np.lib.format.open_memmap(self.vectors_file, mode="w+", dtype=np.float32, shape=shape)
        best = np.full((QUERIES, CLOSEST), -2.0, np.float32)
        for begin in range(0, self.size, _BLOCK):
            places = np.arange(begin, min(begin + _BLOCK, self.size))
            noise = chance.normal(scale=_NOISE / DIMENSIONS**0.5, size=(len(places), DIMENSIONS))
            block = (base[places % len(base)] + noise).astype(np.float32)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            vectors[places] = block
            best = np.sort(np.concatenate([best, queries @ block.T], axis=1), axis=1)[:, -CLOSEST:]
        vectors.flush()
        np.save(self._folder / "closest.npy", best[:, 0])


def _sentences() -> list[str]:
    """Return the sentences of the standard library's documentation, in a fixed order."""
    from pydoc_data.topics import topics

    library = Path(sysconfig.get_paths()["stdlib"])
    texts = list(topics.values())
    for path in sorted([*library.glob("*.py"), *library.glob("*/*.py")]):
        place = path.relative_to(library).as_posix()
        if "test" not in place and "site-packages" not in place:
            texts += _docstrings(path)
    found = [sentence for text in texts for sentence in re.split(r"(?<=[.!?])\s+", " ".join(text.split()))]
    return [sentence for sentence in dict.fromkeys(found) if 5 <= len(sentence.split()) <= 60]


def _length(sentence: str) -> int:
    return len(sentence.split())


def _in_another_order(sentences: Sequence[str], chance: random.Random) -> list[str]:
    """Return them shuffled; the first ones are those that are embedded."""
    shuffled = list(sentences)
    chance.shuffle(shuffled)
    return shuffled


def _docstrings(path: Path) -> list[str]:
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [text for node in ast.walk(module) if isinstance(node, kinds) and (text := ast.get_docstring(node))]


def recall(found: list[list[float]], closest: Any) -> float:
    """Return the part of the ten closest that were found, from the inner products of what was found."""
    parts = [
        sum(score >= least - 1e-5 for score in scores[:CLOSEST]) / CLOSEST
        for scores, least in zip(found, closest, strict=True)
    ]
    return sum(parts) / len(parts)
