"""Server-sent events, parsed as their bytes arrive.

The same events come out whatever way the bytes are split, in a time that grows with their number alone: a line of
20 MB may arrive in pieces of a byte.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Of its fields, `id` and
`retry` are about connecting again, which a request that is paid for must not do by itself; they are left out.
"""

from __future__ import annotations

import msgspec

__all__ = ["EventParser", "ServerSentEvent"]

_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n", b"\r"


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One event.

    Attributes:
        data: its lines of data, joined by line feeds.
        name: its type, "" for a plain message.
    """

    data: bytes
    name: str = ""


class EventParser:
    """Turns the bytes of one stream into events.

    Law: `feed(a + b)` gives what `feed(a)` and then `feed(b)` give.
    """

    def __init__(self) -> None:
        self._unended: list[bytes] = []  # pieces of a line whose end has not come
        self._data: list[bytes] = []
        self._name = ""
        self._is_first_line = True
        self._after_cr = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take bytes in; return the events that they complete."""
        if self._after_cr and data:
            # The line feed of a CRLF that was cut in two is no line of its own.
            self._after_cr = False
            data = data.removeprefix(_LF)
        end = max(data.rfind(_LF), data.rfind(_CR)) + 1
        if not end:
            if data:
                self._unended.append(data)
            return []
        self._after_cr = data.endswith(_CR)
        whole, rest = (data, b"") if end == len(data) else (data[:end], data[end:])
        if self._unended:
            whole = b"".join((*self._unended, whole))
            self._unended.clear()
        if rest:
            self._unended.append(rest)
        return self._events(whole.splitlines())

    def end(self) -> list[ServerSentEvent]:
        """Return the event that the stream broke off in, if there is one: its last line, or the blank one, is missing.

        The standard drops it. Some servers leave the blank line out after their last event, which is the one that says
        why the answer ended; so it is for the caller to see whether it can be read.
        """
        unended = [b"".join(self._unended)] if self._unended else []
        self._unended.clear()
        return self._events([*unended, b""])

    def _events(self, lines: list[bytes]) -> list[ServerSentEvent]:
        if self._is_first_line:
            self._is_first_line = False
            lines[0] = lines[0].removeprefix(_BOM)
        events = []
        for line in lines:
            if line.startswith(b"data: "):
                self._data.append(line[6:])
            elif line:
                self._read_field(line)
            elif self._data or self._name:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else _LF.join(self._data)
                    events.append(ServerSentEvent(data, self._name))
                self._data, self._name = [], ""
        return events

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
