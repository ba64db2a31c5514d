"""One FAISS index, whose rows have keys, with rows that are gone marked as such.

FAISS cannot remove from the compressed kinds, so a removed row stays until the index is built anew, and searches step
over it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from llamabot.adapters.faiss.kinds import Kind, kind_for, width_of
from llamabot.adapters.faiss.threads import all_threads, one_thread
from llamabot.adapters.faiss.vendor import load_faiss
from llamabot.ports.embedding import Vectors
from llamabot.ports.vectorindex import Keys, VectorIndex, VectorSource

__all__ = ["FaissIndex", "FaissIndexes", "approximately"]

_TRAINED_BY_PER_LIST = 20
_TRAINED_BY_AT_LEAST = 4_096
_TRAINING_ROUNDS, _ROUNDS_OF_CODES = 6, 4
_GONE_AT_LEAST = 1_000
_WORTH_SHARING = 2_000  # vectors
_MORE_WHERE_SOME_ARE_GONE = 4

KindFor: TypeAlias = Callable[[int, int], Kind]


class FaissIndexes:
    """Makes FAISS indexes of the kind that suits their size.

    Args:
        kinds: returns the kind for a number of vectors and of dimensions.

    Raises:
        MissingExtra: FAISS is not installed.
    """

    def __init__(self, kinds: KindFor = kind_for) -> None:
        load_faiss()
        self._kinds = kinds

    def build(self, source: VectorSource) -> VectorIndex:
        """Return an index of the vectors of a source."""
        faiss = load_faiss()
        kind, width = self._kinds(source.size, source.dimensions), width_of(source.dimensions)
        with all_threads():
            rows = faiss.index_factory(width, kind.factory(width), faiss.METRIC_INNER_PRODUCT)
            if not rows.is_trained:
                _train(rows, kind, source)
            index = FaissIndex(rows, _no_keys(), kind, kinds=self._kinds)
            for keys, vectors in source.batches():
                index.add(keys, vectors)
        return index

    def load(self, file: Path) -> VectorIndex:
        """Return an index that was saved.

        Raises:
            OSError, ValueError: it cannot be read, or is no such file.
        """
        faiss = load_faiss()
        try:
            keyed = faiss.read_index(str(file))
        except RuntimeError as error:
            raise ValueError(f"{str(file)!r} is no index of FAISS that can be read") from error
        if not isinstance(keyed, faiss.IndexIDMap):
            raise ValueError(f"{str(file)!r} is an index of another kind than is saved here")
        rows = faiss.downcast_index(keyed.index)
        return FaissIndex(rows, faiss.vector_to_array(keyed.id_map), _kind_of(rows), kinds=self._kinds, owner=keyed)


class FaissIndex:
    """A `VectorIndex`.

    Args:
        rows: FAISS's index of the vectors in the order of their keys, with METRIC_INNER_PRODUCT.
        keys: one a row, ascending.
        kind: what `rows` is.
        kinds: says which kind it should be.
        owner: what must live as long as `rows`.
    """

    def __init__(self, rows: Any, keys: Keys, kind: Kind, *, kinds: KindFor, owner: Any = None) -> None:
        import numpy as np

        self._rows = rows
        self._owner = owner
        self._keys = keys
        self._kind = kind
        self._kinds = kinds
        self._is_gone = np.zeros(len(keys), dtype=bool)
        self._gone = 0

    @property
    def size(self) -> int:
        """How many vectors can be found."""
        return len(self._keys) - self._gone

    @property
    def outgrown(self) -> bool:
        """Whether a finer kind would suit the size better, or most of it is gone."""
        wanted = self._kinds(self.size, self._rows.d)
        return wanted.lists > self._kind.lists or self._gone > max(_GONE_AT_LEAST, self.size)

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors under keys that ascend and are above all others."""
        import numpy as np

        if len(keys):
            with all_threads() if len(keys) >= _WORTH_SHARING else one_thread():
                self._rows.add(_widened(vectors, self._rows.d))
            self._keys = np.concatenate([self._keys, keys])
            self._is_gone = np.concatenate([self._is_gone, np.zeros(len(keys), dtype=bool)])

    def remove(self, keys: Keys) -> None:
        """Mark vectors as gone."""
        self._is_gone[self._rows_of(keys)] = True
        self._gone = int(self._is_gone.sum())

    def search(self, query: Vectors, count: int, among: Keys | None = None) -> tuple[Keys, Vectors]:
        """Return the keys of the closest vectors and about their inner products, the highest first."""
        allowed = self._allowed(among)
        count = min(count, self.size if allowed is None else int(allowed.sum()))
        if count <= 0:
            return self._keys[:0], query[:0]
        wide = _widened(query[None, :], self._rows.d)
        if among is None and not self._kind.is_flat:
            places, scores = self._approximate(wide, count)
            if len(places) == count:
                return self._keys[places], scores
        places, scores = self._exact(wide, count, allowed)
        return self._keys[places], scores

    def _approximate(self, query: Vectors, count: int) -> tuple[Any, Vectors]:
        """Return the rows of the closest vectors; fewer than there are where many of the closest are gone."""
        asked = count * _MORE_WHERE_SOME_ARE_GONE if self._gone else count
        with one_thread():
            scores, rows = self._rows.search(query, asked, params=approximately(self._kind, asked))
        places, scores = rows[0], scores[0]
        # Fewer than were asked for are filled up with -1.
        if self._gone or places[-1] < 0:
            there = (places >= 0) & ~self._is_gone[places]
            places, scores = places[there], scores[there]
        return places[:count], scores[:count]

    def _exact(self, query: Vectors, count: int, allowed: Any) -> tuple[Any, Vectors]:
        """Return the rows of the closest vectors, all of those that may be found compared."""
        faiss = load_faiss()
        selector = None if allowed is None else faiss.IDSelectorBitmap(_bits(allowed))
        rows = self._rows if self._kind.is_flat else faiss.downcast_index(self._rows.refine_index)
        with one_thread():
            scores, found = rows.search(query, count, params=faiss.SearchParameters(sel=selector))
        return found[0], scores[0]

    def save(self, file: Path) -> None:
        """Write the index as FAISS's own IndexIDMap, rows that are gone included.

        Raises:
            OSError: it cannot be written.
        """
        faiss = load_faiss()
        # It can be made around an empty index alone.
        keyed = faiss.IndexIDMap(faiss.IndexFlatIP(self._rows.d))
        keyed.index, keyed.ntotal = self._rows, self._rows.ntotal
        faiss.copy_array_to_vector(self._keys, keyed.id_map)
        try:
            faiss.write_index(keyed, str(file))
        except RuntimeError as error:
            raise OSError(f"{str(file)!r} cannot be written: {error}") from error

    def _allowed(self, among: Keys | None) -> Any:
        """Return which rows may be found, as booleans; None is all."""
        import numpy as np

        if among is None:
            return ~self._is_gone if self._gone else None
        allowed = np.zeros(len(self._keys), dtype=bool)
        allowed[self._rows_of(among)] = True
        return allowed & ~self._is_gone

    def _rows_of(self, keys: Keys) -> Any:
        """Return the rows of those of the keys that there are."""
        import numpy as np

        rows = np.searchsorted(self._keys, keys)
        there = rows < len(self._keys)
        there[there] = self._keys[rows[there]] == keys[there]
        return rows[there]


@lru_cache(maxsize=256)
def approximately(kind: Kind, count: int) -> Any:
    """Return how a compressed index is searched for so many vectors; making that anew takes 20 µs."""
    faiss = load_faiss()
    lists = faiss.IVFSearchParameters(nprobe=kind.looked_into) if kind.is_divided else None
    return faiss.IndexRefineSearchParameters(k_factor=kind.candidates(count) / count, base_index_params=lists)


def _train(rows: Any, kind: Kind, source: VectorSource) -> None:
    """Train an index, less long than FAISS would: more rounds and vectors did not find more."""
    faiss = load_faiss()
    base = faiss.downcast_index(rows.base_index)
    sample = _widened(source.sample(max(kind.lists * _TRAINED_BY_PER_LIST, _TRAINED_BY_AT_LEAST)), rows.d)
    if kind.is_divided:
        # What is kept of a vector is how it differs from the middle of its list, which tells near ones apart.
        base.by_residual = True
        base.cp.niter, base.cp.min_points_per_centroid = _TRAINING_ROUNDS, 1
        base.train_q1(len(sample), faiss.swig_ptr(sample), False, rows.metric_type)
    base.pq.cp.niter, base.pq.cp.min_points_per_centroid = _ROUNDS_OF_CODES, 1
    with one_thread():  # many small trainings, in which threads do nothing but wait for each other
        rows.train(sample)


def _widened(vectors: Vectors, width: int) -> Vectors:
    """Return vectors of as many dimensions as an index has, the last ones zero."""
    import numpy as np

    missing = width - vectors.shape[1]
    wide = np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors
    return np.ascontiguousarray(wide, dtype=np.float32)


def _bits(allowed: Any) -> Any:
    import numpy as np

    return np.packbits(allowed, bitorder="little")


def _kind_of(rows: Any) -> Kind:
    """Return the kind of an index that was saved.

    Raises:
        ValueError: it is of none that is saved here.
    """
    faiss = load_faiss()
    if isinstance(rows, faiss.IndexFlat):
        return Kind(0)
    base = faiss.downcast_index(rows.base_index) if isinstance(rows, faiss.IndexRefine) else None
    if isinstance(base, faiss.IndexIVFPQFastScan):
        return Kind(base.nlist)
    if isinstance(base, faiss.IndexPQFastScan):
        return Kind(1)
    raise ValueError(f"an index of the kind {type(rows).__name__} is none that is saved here")


def _no_keys() -> Keys:
    import numpy as np

    return np.zeros(0, dtype=np.int64)
