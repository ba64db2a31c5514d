"""One FAISS index, whose rows have keys, with rows that are gone marked as such.

FAISS cannot remove from the compressed kinds, so a removed row stays until the index is built anew, and searches step
over it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llamabot.adapters.faiss.kinds import Kind, kind_for
from llamabot.adapters.faiss.threads import all_threads, one_thread
from llamabot.adapters.faiss.vendor import load_faiss
from llamabot.ports.embedding import Vectors
from llamabot.ports.vectorindex import Keys, VectorIndex, VectorSource

__all__ = ["FaissIndex", "FaissIndexes"]

_TRAINED_BY_PER_LIST = 20
_TRAINED_BY_AT_LEAST = 10_000
_TRAINING_ROUNDS = 6
_LEAST_ORDERED = 64  # this many are put in order by one byte a dimension,
_CANDIDATES_PER_ORDERED = {True: 2.0, False: 8.0}  # of so many more that one bit a dimension has chosen
_GONE_AT_LEAST = 1_000


class FaissIndexes:
    """Makes FAISS indexes of the kind that suits their size.

    Raises:
        MissingExtra: FAISS is not installed.
    """

    def __init__(self) -> None:
        load_faiss()

    def build(self, source: VectorSource) -> VectorIndex:
        """Return an index of the vectors of a source."""
        faiss = load_faiss()
        kind = kind_for(source.size, source.dimensions)
        with all_threads():
            rows = faiss.index_factory(source.dimensions, kind.factory, faiss.METRIC_INNER_PRODUCT)
            if not rows.is_trained:
                _train(rows, kind, source)
            index = FaissIndex(rows, _no_keys(), kind)
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
        return FaissIndex(rows, faiss.vector_to_array(keyed.id_map), _kind_of(rows), owner=keyed)


class FaissIndex:
    """A `VectorIndex`.

    Args:
        rows: FAISS's index of the vectors in the order of their keys, with METRIC_INNER_PRODUCT.
        keys: one a row, ascending.
        kind: what `rows` is.
        owner: what must live as long as `rows`.
    """

    def __init__(self, rows: Any, keys: Keys, kind: Kind, owner: Any = None) -> None:
        import numpy as np

        self._rows = rows
        self._owner = owner
        self._keys = keys
        self._kind = kind
        self._is_gone = np.zeros(len(keys), dtype=bool)
        self._gone = 0

    @property
    def size(self) -> int:
        """How many vectors can be found."""
        return len(self._keys) - self._gone

    @property
    def outgrown(self) -> bool:
        """Whether a finer kind would suit the size better, or most of it is gone."""
        wanted = kind_for(self.size, self._rows.d)
        return wanted.lists > self._kind.lists or self._gone > max(_GONE_AT_LEAST, self.size)

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors under keys that ascend and are above all others."""
        import numpy as np

        if len(keys):
            self._rows.add(np.ascontiguousarray(vectors, dtype=np.float32))
            self._keys = np.concatenate([self._keys, keys])
            self._is_gone = np.concatenate([self._is_gone, np.zeros(len(keys), dtype=bool)])

    def remove(self, keys: Keys) -> None:
        """Mark vectors as gone."""
        self._is_gone[self._rows_of(keys)] = True
        self._gone = int(self._is_gone.sum())

    def search(self, query: Vectors, count: int, among: Keys | None = None) -> tuple[Keys, Vectors]:
        """Return the keys of the closest vectors and about their inner products, the highest first."""
        faiss = load_faiss()
        allowed = self._allowed(among)
        count = min(count, self.size if allowed is None else int(allowed.sum()))
        if count <= 0:
            return self._keys[:0], query[:0]
        selector = None if allowed is None else faiss.IDSelectorBitmap(_bits(allowed))
        rows, parameters = self._rows, faiss.SearchParameters(sel=selector)
        if not self._kind.is_flat:
            if among is None:
                parameters = _approximate(self._kind, selector)
            else:
                rows = faiss.downcast_index(rows.refine_index)
        with one_thread():
            scores, found = rows.search(query[None, :], max(count, _LEAST_ORDERED), params=parameters)
        # Fewer than were asked for are filled up with -1.
        places = found[0][found[0] >= 0][:count]
        return self._keys[places], scores[0][: len(places)]

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


def _approximate(kind: Kind, selector: Any) -> Any:
    """Return how a compressed index is searched."""
    faiss = load_faiss()
    if kind.is_divided:
        base = faiss.IVFRaBitQSearchParameters()
        base.nprobe, base.sel = kind.looked_into, selector
    else:
        base = faiss.RaBitQSearchParameters(sel=selector)
    factor = _CANDIDATES_PER_ORDERED[kind.is_divided]
    return faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=base)


def _train(rows: Any, kind: Kind, source: VectorSource) -> None:
    """Train an index, less long than FAISS would: twice as many rounds and vectors did not find more."""
    base = load_faiss().downcast_index(rows.base_index)
    if kind.is_divided:
        base.cp.niter, base.cp.min_points_per_centroid = _TRAINING_ROUNDS, _TRAINED_BY_PER_LIST
    rows.train(source.sample(max(kind.lists * _TRAINED_BY_PER_LIST, _TRAINED_BY_AT_LEAST)))


def _bits(allowed: Any) -> Any:
    import numpy as np

    return np.packbits(allowed, bitorder="little")


def _kind_of(rows: Any) -> Kind:
    faiss = load_faiss()
    if not isinstance(rows, faiss.IndexRefine):
        return Kind(0)
    base = faiss.downcast_index(rows.base_index)
    return Kind(base.nlist if isinstance(base, faiss.IndexIVF) else 1)


def _no_keys() -> Keys:
    import numpy as np

    return np.zeros(0, dtype=np.int64)
