"""A vendor that says the next word once the one before has been passed on. It counts, and looks at no clock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from llamabot.ports.completion import CompletionChunk, FinishReason

__all__ = ["Pace"]

_MOST_S = 20.0
_STOP = FinishReason.STOP


class Pace(Iterator[CompletionChunk]):
    """Chunks to take one at a time; belongs to one stream.

    Args:
        words: the texts of the chunks; one that ends the stream follows.
        most_s: how long a vendor in a thread of its own waits before a word counts as kept back.

    Attributes:
        kept_back: the text that had not been passed on when the next chunk was due.
    """

    def __init__(self, words: Iterable[str], most_s: float = _MOST_S) -> None:
        self.kept_back: str | None = None
        self._left = deque([*(CompletionChunk(text=word) for word in words), CompletionChunk(finish_reason=_STOP)])
        self._sent, self._heard = "", ""
        self._most_s = most_s
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.get_ident()

    def __next__(self) -> CompletionChunk:
        with self._changed:
            self._wait()
            if not self._left:
                raise StopIteration
            chunk = self._left.popleft()
            self._sent += chunk.text
            return chunk

    def hear(self, chunk: CompletionChunk) -> None:
        """Note a fragment that has been passed on."""
        with self._changed:
            self._heard += chunk.text
            self._changed.notify_all()

    def end(self) -> None:
        """Wait no more: nobody reads."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self) -> None:
        """Wait until all has been heard; who takes chunks on the reader's own thread could wait for ever."""
        if self._is_heard() or self.kept_back is not None:
            return
        is_other_thread = threading.get_ident() != self._reader
        if not (is_other_thread and self._changed.wait_for(self._is_heard, self._most_s)):
            self.kept_back = self._sent.removeprefix(self._heard)

    def _is_heard(self) -> bool:
        return self._ended or self._heard == self._sent
