"""What is seen of a server beside its answers: the end of its stderr, lines that are no MCP, HTTP statuses.

They are what an error message needs when a server does not come up.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["Signs"]

_LINES = 10
_LINE_CHARACTERS = 500
_LAST_WORDS_S = 0.5


class Signs:
    """Of one connection.

    Attributes:
        babbled: something that is no MCP came in its place.
        status: the latest HTTP status, or None.
    """

    def __init__(self) -> None:
        self.babbled = False
        self.status: int | None = None
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._reader: threading.Thread | None = None

    async def note_message(self, message: Any) -> None:
        """See a message that answers no request; the vendor hands over what it could not read as an exception."""
        self.babbled = self.babbled or isinstance(message, Exception)

    async def note_response(self, response: Any) -> None:
        """See an HTTP response."""
        self.status = response.status_code

    @contextmanager
    def stderr(self) -> Iterator[TextIO]:
        """Yield a file for a server's stderr; it is read all the time, so that the server never waits."""
        reading, writing = os.pipe()
        self._reader = threading.Thread(target=self._read, args=(reading,), name="llamabot-mcp-stderr", daemon=True)
        self._reader.start()
        with open(writing, "w", encoding="utf-8") as file:  # noqa: PTH123 - it has no path
            yield file

    def _read(self, descriptor: int) -> None:
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            while line := file.readline(_LINE_CHARACTERS):
                self._lines.append(line.rstrip())

    def last_words(self) -> str:
        """Return the last lines of stderr of a server that has ended."""
        if self._reader is not None:
            self._reader.join(_LAST_WORDS_S)
        return "\n".join(list(self._lines)).strip()
