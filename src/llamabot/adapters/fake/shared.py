"""What decorators of ports share, in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llamabot.adapters.fake.forks import FORKS
from llamabot.ports.ledger import Balance
from llamabot.ports.turns import CLOCK_SET_BACK_NS, MINUTE_NS, Rate, Turn, earliest_ns, room_for

__all__ = ["InMemoryCache", "InMemoryLedger", "InMemoryTurns"]


class _InMemory:
    """What they have in common: a lock, and that a copy in another process begins empty.

    Attributes:
        blocks: False: nothing is waited for.
    """

    blocks = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        FORKS.guard(self._lock)

    def __reduce__(self) -> Any:
        return type(self), ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class InMemoryTurns(_InMemory):
    """Turns for the threads and tasks of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._queues: dict[str, deque[_Kept]] = {}
        self._last = 0

    def take(self, queue: str, rate: Rate, tokens: int, *, now_ns: int, latest_ns: int) -> Turn:
        """Take the next turn; none if it would start after `latest_ns`."""
        with self._lock:
            kept = self._kept(queue, now_ns)
            start_ns = earliest_ns(
                now_ns,
                last_ns=kept[-1].start_ns if kept else None,
                full_ns=kept[-rate.requests].start_ns if rate.requests and len(kept) >= rate.requests else None,
                spent_ns=None if rate.tokens is None else _spent_ns(kept, room_for(rate, tokens)),
            )
            if start_ns > latest_ns:
                return Turn(start_ns, None)
            self._last += 1
            kept.append(_Kept(self._last, now_ns, start_ns, tokens))
            return Turn(start_ns, self._last)

    def correct(self, queue: str, number: int, tokens: int) -> None:
        """Say what a turn has taken in the end."""
        with self._lock:
            for one in reversed(self._queues.get(queue, ())):
                if one.number == number:
                    one.tokens = tokens
                    return

    def give_back(self, queue: str, number: int) -> None:
        """Give a turn back that was not used."""
        with self._lock:
            self._queues[queue] = deque(one for one in self._queues.get(queue, ()) if one.number != number)

    def _kept(self, queue: str, now_ns: int) -> deque[_Kept]:
        """Return the turns that count, by their starts."""
        kept = self._queues.setdefault(queue, deque())
        if kept and kept[-1].made_ns > now_ns + CLOCK_SET_BACK_NS:
            kept = self._queues[queue] = deque(one for one in kept if one.made_ns <= now_ns + CLOCK_SET_BACK_NS)
        while kept and kept[0].start_ns <= now_ns - MINUTE_NS:
            kept.popleft()
        return kept


class _Kept(msgspec.Struct):
    number: int
    made_ns: int
    start_ns: int
    tokens: int


def _spent_ns(kept: deque[_Kept], room: int) -> int | None:
    """Return the start of the latest turn with which, and all after it, more tokens are taken than there is room."""
    total = 0
    for one in reversed(kept):
        total += one.tokens
        if total > room:
            return one.start_ns
    return None


class InMemoryLedger(_InMemory):
    """What this process has spent; forgotten with it."""

    def __init__(self) -> None:
        super().__init__()
        self._spent: dict[tuple[str, str], int] = {}

    def reserve(self, account: str, period: str, amount_nusd: int, *, limit_nusd: int) -> Balance:
        """Set an amount aside, if with it no more than the limit is spent."""
        with self._lock:
            spent = self._spent.get((account, period), 0)
            if spent + amount_nusd > limit_nusd:
                return Balance(False, spent)
            self._spent[account, period] = spent + amount_nusd
            return Balance(True, spent + amount_nusd)

    def settle(self, account: str, period: str, *, reserved_nusd: int, spent_nusd: int) -> None:
        """Put what was spent in the place of what was set aside."""
        with self._lock:
            spent = self._spent.get((account, period), 0)
            self._spent[account, period] = spent - reserved_nusd + spent_nusd

    def spent_nusd(self, account: str, period: str) -> int:
        """Return what was spent and is set aside."""
        return self._spent.get((account, period), 0)


class InMemoryCache(_InMemory):
    """The values that were used last.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int = 10_000) -> None:
        super().__init__()
        self._most = most
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def __reduce__(self) -> Any:
        return type(self), (self._most,)

    def read(self, keys: Sequence[str], *, since_ns: int = 0) -> Mapping[str, bytes]:
        """Return what is kept under these keys and is no older."""
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        return {key: value for key, (at_ns, value) in found.items() if at_ns >= since_ns}

    def write(self, items: Mapping[str, bytes], *, now_ns: int) -> None:
        """Keep these, and forget those that were used longest ago."""
        with self._lock:
            for key, value in items.items():
                self._kept[key] = now_ns, value
                self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
