"""Which kind of index suits how many vectors, and how it is searched.

Flat compares all and is exact. Above, vectors are kept twice: by half a byte for each four dimensions (PQ, "fast scan",
which stays in the processor's registers), to choose candidates with; and by one byte a dimension (SQ8), to put these in
order. And above that they are divided into lists (IVF), of which a search looks into some.

Source: André, Kermarrec, Le Scouarnec, Cache locality is not enough (VLDB 2015);
https://github.com/facebookresearch/faiss/wiki/Guidelines-to-choose-an-index
"""

from __future__ import annotations

import math

import msgspec

__all__ = ["Kind", "kind_for", "width_of"]

_FLAT_MOST_FLOATS = 4_000_000
_UNDIVIDED_MOST = 131_071
_LISTS_PER_ROOT = 8
_LOOKED_INTO = 96
_TOGETHER = 4  # dimensions that share a code


class Kind(msgspec.Struct, frozen=True):
    """A kind of index.

    Attributes:
        lists: into how many the vectors are divided; 0 for a flat one, 1 for a compressed one.
    """

    lists: int

    @property
    def is_flat(self) -> bool:
        """Whether it keeps the vectors as they are."""
        return self.lists == 0

    @property
    def is_divided(self) -> bool:
        """Whether a search leaves out some lists."""
        return self.lists > 1

    @property
    def looked_into(self) -> int:
        """How many lists a search looks into: short questions are far from all passages, and need many."""
        return min(_LOOKED_INTO, self.lists)

    def factory(self, width: int) -> str:
        """Return FAISS's word for it, for vectors of a width that `width_of` gave."""
        if self.is_flat:
            return "Flat"
        compressed = f"PQ{width // _TOGETHER}x4fs,Refine(SQ8)"
        return f"IVF{self.lists},{compressed}" if self.is_divided else compressed

    def candidates(self, count: int) -> int:
        """Return how many are to be put in order, so that the closest `count` are among them.

        In large stores more passages are nearly the same.
        """
        return max(8 * count, 1_024) if self.is_divided else max(6 * count, 160)


def kind_for(size: int, dimensions: int) -> Kind:
    """Return the kind for so many vectors."""
    if size * dimensions <= _FLAT_MOST_FLOATS:
        return Kind(0)
    if size <= _UNDIVIDED_MOST:
        return Kind(1)
    # A power of two: it changes, and the index is trained anew, whenever the vectors are four times as many.
    return Kind(2 ** int(math.log2(_LISTS_PER_ROOT * math.sqrt(size))))


def width_of(dimensions: int) -> int:
    """Return the dimensions with those that are filled up with zeros, which changes no inner product."""
    return -dimensions % _TOGETHER + dimensions
