"""Types that are known before threads read values of them.

msgspec learns what a type is made of when it is first used, and while it does, another thread is given what is learnt
so far: where two use a type for the first time at once, the process may crash (msgspec 0.21, Python 3.11 to 3.13).
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec

__all__ = ["learn"]

_LOCK = threading.Lock()


def learn(*types: Any) -> None:
    """Have msgspec learn types, in one thread at a time.

    Raises:
        TypeError: it can make nothing of one.
    """
    with _LOCK:
        for type_ in types:
            msgspec.json.Decoder(type_)
