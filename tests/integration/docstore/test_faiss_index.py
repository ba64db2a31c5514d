"""Each kind of index, against comparing everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.contract.children import run

from llamabot.adapters.faiss import FaissIndexes
from llamabot.adapters.faiss.kinds import Kind, kind_for
from llamabot.adapters.faiss.vendor import load_faiss
from llamabot.ports.vectorindex import Keys, VectorIndex

CLOSEST = 10


def indexes(kind: Kind) -> FaissIndexes:
    return FaissIndexes(lambda size, dimensions: kind)


class Vectors:
    """Unit rows in clusters, as those of real texts are, under keys with gaps."""

    def __init__(self, size: int, dimensions: int, *, centres: int = 200, apart: float = 0.6) -> None:
        chance = np.random.default_rng(1)
        middles = chance.normal(size=(centres, dimensions))
        rows = middles[chance.integers(0, centres, size)] + apart * chance.normal(size=(size, dimensions))
        self.rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.keys = np.cumsum(chance.integers(1, 4, size)).astype(np.int64)
        self.size, self.dimensions = size, dimensions

    def batches(self) -> Iterator[tuple[Keys, Any]]:
        for begin in range(0, self.size, 4_096):
            yield self.keys[begin : begin + 4_096], self.rows[begin : begin + 4_096]

    def sample(self, most: int) -> Any:
        return self.rows[:: max(1, self.size // most)]


# A flat one, a compressed one, and one that is divided into lists; of one, the dimensions must be filled up.
@pytest.fixture(params=[Kind(0), Kind(1), Kind(128)], ids=["flat", "compressed", "divided"], scope="module")
def built(request: pytest.FixtureRequest) -> tuple[VectorIndex, Vectors]:
    vectors = Vectors(8_000, {0: 64, 1: 127, 128: 128}[request.param.lists])
    index = indexes(request.param).build(vectors)
    assert not index.outgrown
    return index, vectors


def recall(index: VectorIndex, keys: Keys, rows: Any, among: Keys | None = None) -> float:
    """Return the part of the closest that are found, over some queries."""
    allowed = np.ones(len(keys), dtype=bool) if among is None else np.isin(keys, among)
    parts = []
    for query in rows[:: len(rows) // 30]:
        exact = np.where(allowed, rows @ query, -2.0)
        expected = set(keys[np.argsort(-exact)[:CLOSEST]].tolist())
        found, scores = index.search(query, CLOSEST, among)
        assert allowed[np.searchsorted(keys, found)].all()
        assert (np.diff(scores) <= 0).all()
        assert np.allclose(scores, exact[np.searchsorted(keys, found)], atol=0.02)
        parts.append(len(expected & set(found.tolist())) / CLOSEST)
    return float(np.mean(parts))


def test_finds_the_closest(built: tuple[VectorIndex, Vectors]) -> None:
    index, vectors = built
    assert recall(index, vectors.keys, vectors.rows) >= 0.95
    assert index.size == vectors.size


def test_finds_the_closest_of_a_question_that_is_unlike_all(built: tuple[VectorIndex, Vectors]) -> None:
    index, vectors = built
    found = []
    for first, second in zip(vectors.rows[:30], vectors.rows[30:60], strict=True):
        between = (first + second) / 2
        least = np.sort(vectors.rows @ between)[-CLOSEST]
        found.append(np.mean(index.search(between, CLOSEST)[1] >= least - 0.01))
    assert np.mean(found) >= 0.95


def test_tells_near_ones_apart_in_a_crowd() -> None:
    vectors = Vectors(8_000, 128, centres=4, apart=0.3)
    assert recall(indexes(Kind(16)).build(vectors), vectors.keys, vectors.rows) >= 0.82


def test_leaves_nothing_out_among_some(built: tuple[VectorIndex, Vectors]) -> None:
    index, vectors = built
    assert recall(index, vectors.keys, vectors.rows, vectors.keys[::50]) >= 0.95
    few = vectors.keys[[3, 500, 1_999]]
    found, _ = index.search(vectors.rows[0], CLOSEST, few)
    assert sorted(found.tolist()) == few.tolist()
    assert len(index.search(vectors.rows[0], CLOSEST, few[:0])[0]) == 0


def test_is_the_same_after_saving(built: tuple[VectorIndex, Vectors], tmp_path: Path) -> None:
    index, vectors = built
    index.save(tmp_path / "index")
    loaded = FaissIndexes().load(tmp_path / "index")
    assert (loaded.size, loaded.outgrown) == (index.size, False)
    for query in vectors.rows[:20]:
        assert [part.tolist() for part in loaded.search(query, CLOSEST)] == [
            part.tolist() for part in index.search(query, CLOSEST)
        ]


def test_what_was_removed_is_not_found_and_what_was_added_is(
    built: tuple[VectorIndex, Vectors], tmp_path: Path
) -> None:
    original, vectors = built
    original.save(tmp_path / "index")
    index = FaissIndexes().load(tmp_path / "index")
    last = vectors.keys[-1]
    more = np.arange(last + 1, last + 501)
    index.add(more, vectors.rows[:500])
    index.remove(np.concatenate([vectors.keys[:500], [last + 10_000]]))
    keys = np.concatenate([vectors.keys[500:], more])
    rows = np.concatenate([vectors.rows[500:], vectors.rows[:500]])
    assert index.size == vectors.size
    assert recall(index, keys, rows) >= 0.95
    assert recall(index, keys, rows, keys[::20]) >= 0.95


def test_finds_the_next_where_all_that_is_close_was_removed(built: tuple[VectorIndex, Vectors], tmp_path: Path) -> None:
    original, vectors = built
    original.save(tmp_path / "index")
    index = FaissIndexes().load(tmp_path / "index")
    closest = np.argsort(-(vectors.rows @ vectors.rows[7]))
    index.remove(np.sort(vectors.keys[closest[:1_000]]))
    found, scores = index.search(vectors.rows[7], CLOSEST)
    assert not set(found.tolist()) & set(vectors.keys[closest[:1_000]].tolist())
    # Those that are left are all about as far.
    assert np.allclose(scores, (vectors.rows @ vectors.rows[7])[closest[1_000:1_010]], atol=0.02)


def test_finds_as_many_as_are_asked_for(built: tuple[VectorIndex, Vectors]) -> None:
    index, vectors = built
    found, scores = index.search(vectors.rows[7], vectors.size - 1)
    assert len(set(found.tolist())) == vectors.size - 1
    assert (np.diff(scores) <= 0).all()


def test_has_outgrown_its_kind_when_another_would_be_built() -> None:
    vectors = Vectors(10_500, 384)
    index = FaissIndexes().build(_first(vectors, 10_000))
    assert not index.outgrown
    index.add(vectors.keys[10_000:], vectors.rows[10_000:])
    assert index.outgrown
    assert kind_for(10_500, 384) != kind_for(10_000, 384)


def test_an_empty_index_is_one() -> None:
    vectors = Vectors(10, 8)
    index = FaissIndexes().build(_first(vectors, 0))
    assert (index.size, index.outgrown) == (0, False)
    assert len(index.search(vectors.rows[0], CLOSEST)[0]) == 0
    index.add(vectors.keys, vectors.rows)
    assert len(index.search(vectors.rows[0], CLOSEST)[0]) == 10


@pytest.mark.parametrize("content", [b"", b"x" * 1_000], ids=["empty", "garbage"])
def test_a_file_that_is_no_index_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(content)
    with pytest.raises(ValueError, match="no index of FAISS"):
        FaissIndexes().load(tmp_path / "index")


def test_an_index_of_another_kind_is_told(tmp_path: Path) -> None:
    faiss = load_faiss()
    other = faiss.IndexIDMap(faiss.IndexHNSWFlat(8, 4, faiss.METRIC_INNER_PRODUCT))
    faiss.write_index(other, str(tmp_path / "index"))
    with pytest.raises(ValueError, match="none that is saved here"):
        FaissIndexes().load(tmp_path / "index")


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    index = FaissIndexes().build(_first(Vectors(10, 8), 5))
    with pytest.raises(OSError, match="cannot be written"):
        index.save(tmp_path / "gone" / "index")


def test_a_kind_follows_the_size() -> None:
    sizes = (0, 10_416, 10_417, 131_071, 131_072, 262_144, 1_000_000)
    assert [kind_for(size, 384).factory(384) for size in sizes] == [
        "Flat",
        "Flat",
        "PQ96x4fs,Refine(SQ8)",
        "PQ96x4fs,Refine(SQ8)",
        "IVF2048,PQ96x4fs,Refine(SQ8)",
        "IVF4096,PQ96x4fs,Refine(SQ8)",
        "IVF4096,PQ96x4fs,Refine(SQ8)",
    ]


def _first(vectors: Vectors, count: int) -> Vectors:
    """Return the first of some vectors."""
    first = Vectors(1, vectors.dimensions)
    first.rows, first.keys, first.size = vectors.rows[:count], vectors.keys[:count], count
    return first


@pytest.mark.slow
def test_a_build_waits_for_no_thread_that_a_limit_withholds() -> None:
    assert run(_BUILD) == "2000 built\n"


_BUILD = """
import os
os.environ |= {"OMP_NUM_THREADS": "2", "OMP_THREAD_LIMIT": "1"}
from tests.integration.docstore.test_faiss_index import Kind, Vectors, indexes
print(indexes(Kind(8)).build(Vectors(2_000, 64)).size, "built")
"""
