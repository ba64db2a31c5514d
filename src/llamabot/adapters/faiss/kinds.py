"""Which kind of index suits how many vectors, and how it is searched.

Flat compares all and is exact. Above, vectors are kept as one bit a dimension (RaBitQ) to find candidates with and as
one byte a dimension (SQ8) to put these in order; and above that they are divided into lists (IVF), of which a search
looks into some.

Source: Gao, Long, RaBitQ (SIGMOD 2024); https://github.com/facebookresearch/faiss/wiki/Guidelines-to-choose-an-index
"""

from __future__ import annotations

import math

import msgspec

__all__ = ["Kind", "kind_for"]

_FLAT_MOST_FLOATS = 4_000_000
_UNDIVIDED_MOST = 32_767
_LISTS_PER_ROOT = 8
_LOOKED_INTO = {1_024: 96, 2_048: 112}
_LOOKED_INTO_OF_MORE = 128


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
    def factory(self) -> str:
        """FAISS's word for it."""
        if self.is_flat:
            return "Flat"
        return f"IVF{self.lists},RaBitQ,Refine(SQ8)" if self.is_divided else "RaBitQ,Refine(SQ8)"

    @property
    def looked_into(self) -> int:
        """How many lists a search looks into: short questions are far from all passages, and need many."""
        return _LOOKED_INTO.get(self.lists, _LOOKED_INTO_OF_MORE)


def kind_for(size: int, dimensions: int) -> Kind:
    """Return the kind for so many vectors."""
    if size * dimensions <= _FLAT_MOST_FLOATS:
        return Kind(0)
    if size <= _UNDIVIDED_MOST:
        return Kind(1)
    # A power of two: it changes, and the index is trained anew, whenever the vectors are four times as many.
    return Kind(2 ** int(math.log2(_LISTS_PER_ROOT * math.sqrt(size))))
