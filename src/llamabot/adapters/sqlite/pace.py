"""How fast the log is written, and how patiently."""

from __future__ import annotations

import msgspec

__all__ = ["Pace"]


class Pace(msgspec.Struct, frozen=True):
    """How the writer goes about its work.

    Attributes:
        gather_s: pause after the first entry, in which others may come; made again while more come than before, up
            to `longest_gather_s` in all, which a kill of the process may cost. None is made if someone waits.
        enough: appends that are worth a batch; no more are waited for.
        patience_s: how long others may lock the file before that counts as a failure.
        pause_s: first pause after a failure; it doubles with each one up to `longest_pause_s`.
        idle_s: the thread ends after so long without work, and is begun again by the next entry.
    """

    gather_s: float = 0.004
    longest_gather_s: float = 0.04
    enough: int = 1000
    patience_s: float = 5.0
    pause_s: float = 0.05
    longest_pause_s: float = 2.0
    idle_s: float = 10.0
    batch_rows: int = 5000
    batch_bytes: int = 16 * 2**20
