"""An answer of HTTP/1.1 as its bytes arrive, for a client that asks one thing at a time on a connection.

What is read is what such a client needs: the head, and a body that its length, chunks or the connection's end delimit.
What is wrong is told, never guessed at: two lengths, a length that is no number, a chunk without a size.

Source: RFC 9112, sections 4 to 7 and 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

__all__ = ["AnswerReader", "NoHttp"]

_MOST_HEAD_BYTES = 64 * 1024
_MOST_LINE_BYTES = 8 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_START = b"HTTP/1."
_WITHOUT_BODY = (204, 304)


class NoHttp(Exception):
    """What came is no HTTP, or ends before it should."""


class _Part(Enum):
    HEAD = 0
    LENGTH = 1
    CHUNK_LINE = 2
    CHUNK = 3
    CHUNK_END = 4
    TRAILER = 5
    UNTIL_CLOSED = 6
    OVER = 7


class AnswerReader:
    """One answer.

    Attributes:
        status: of it, 0 until its head has come.
        headers: by their names in lower case; several of a name are one, with commas.
        keeps_alive: whether the server lets the connection be used again.
        has_more: whether something came behind the end of the answer.

    Law: the body and the head are the same for any split of the bytes.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.keeps_alive = False
        self.has_more = False
        self._part = _Part.HEAD
        self._unread = b""
        self._left = 0
        self._wrong = ""

    @property
    def is_over(self) -> bool:
        """Whether all of the answer has come."""
        return self._part is _Part.OVER

    def feed(self, data: bytes) -> bytes:
        """Take bytes in; return those of the body that they hold. What was good before something wrong is returned.

        Raises:
            NoHttp: there is nothing good, and something wrong.
        """
        self._check()
        known, self._unread = self._unread, b""
        data = known + data if known else data
        try:
            if self._part is _Part.HEAD:
                data = self._take_head(data, max(0, len(known) - 3))
            if self._part is _Part.LENGTH:
                return self._take_length(data)
            if self._part is _Part.UNTIL_CLOSED:
                return data
            if self._part is _Part.OVER:
                self.has_more = self.has_more or bool(data)
                return b""
        except NoHttp as error:
            self._wrong = str(error)
            raise
        body = b"" if self._part is _Part.HEAD else self._take_chunks(data)
        if not body:
            self._check()
        return body

    def end(self) -> None:
        """Take in that the connection has ended.

        Raises:
            NoHttp: the answer has not.
        """
        self._check()
        if self._part is _Part.UNTIL_CLOSED:
            self._part = _Part.OVER
        if self._part is not _Part.OVER:
            self._wrong = "the server closed the connection before the end"
            self._check()

    def _check(self) -> None:
        if self._wrong:
            raise NoHttp(self._wrong)

    def _take_head(self, data: bytes, looked_at: int) -> bytes:
        """Take the head off, and return what comes behind it; keep the bytes if it has not come whole.

        Args:
            data: from the beginning on.
            looked_at: so many of them hold no end.
        """
        while True:
            if not data.startswith(_START[: len(data)]):
                raise NoHttp("what came is no HTTP")
            end, size = data.find(b"\r\n\r\n", looked_at), 4
            if end < 0:
                end, size = data.find(b"\n\n", looked_at), 2
            if end > _MOST_HEAD_BYTES or (end < 0 and len(data) > _MOST_HEAD_BYTES):
                raise NoHttp("the head of the answer is too long")
            if end < 0:
                self._unread = data
                return b""
            status_line, *lines = data[:end].splitlines()
            data = data[end + size :]
            status = _STATUS_LINE.fullmatch(status_line)
            if status is None:
                raise NoHttp("what came is no HTTP")
            if not status[2].startswith(b"1"):  # else it is a sign of life before the answer
                self._begin(int(status[2]), _headers(lines), is_new=status[1] == b"1")
                return data
            looked_at = 0

    def _begin(self, status: int, headers: Mapping[str, str], *, is_new: bool) -> None:
        self.status, self.headers = status, headers
        codings, length = headers.get("transfer-encoding"), headers.get("content-length")
        wishes = headers.get("connection", "").lower()
        self.keeps_alive = "close" not in wishes if is_new else "keep-alive" in wishes
        if status in _WITHOUT_BODY:
            self._part = _Part.OVER
        elif codings is not None:
            if codings.lower() != "chunked":
                raise NoHttp(f"the answer is sent as {codings!r}, which nobody asked for")
            self._part = _Part.CHUNK_LINE
            self.keeps_alive = self.keeps_alive and length is None  # two lengths: who knows where the next begins
        elif length is not None:
            self._left = _length(length)
            self._part = _Part.LENGTH if self._left else _Part.OVER
        else:
            self._part, self.keeps_alive = _Part.UNTIL_CLOSED, False

    def _take_length(self, data: bytes) -> bytes:
        if len(data) > self._left:
            self.has_more = True
            data = data[: self._left]
        self._left -= len(data)
        if not self._left:
            self._part = _Part.OVER
        return data

    def _take_chunks(self, data: bytes) -> bytes:
        """Return the contents of chunks; keep what is no whole line yet; remember what is wrong."""
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and self._part is not _Part.OVER:
            if self._part is _Part.CHUNK:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._part = _Part.CHUNK_END
                continue
            end = data.find(b"\n", at, at + _MOST_LINE_BYTES)
            if end < 0:
                self._unread = data[at:]
                if len(self._unread) >= _MOST_LINE_BYTES:
                    self._wrong = "a line between the chunks is too long"
                break
            self._take_line(data[at:end].removesuffix(b"\r"))
            at = end + 1
            if self._wrong:
                break
        if self._part is _Part.OVER and at < len(data):
            self.has_more = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_line(self, line: bytes) -> None:
        if self._part is _Part.CHUNK_LINE:
            size = _CHUNK_LINE.fullmatch(line)
            if size is None:
                self._wrong = "what came is no HTTP: a chunk has no size"
                return
            self._left = int(size[1], 16)
            self._part = _Part.CHUNK if self._left else _Part.TRAILER
        elif self._part is _Part.CHUNK_END:
            self._part = _Part.CHUNK_LINE
            if line:
                self._wrong = "what came is no HTTP: a chunk is longer than its size"
        elif not line:
            self._part = _Part.OVER


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise NoHttp("what came is no HTTP: a header has no name")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _length(written: str) -> int:
    lengths = {part.strip() for part in written.split(",")}  # the same one twice does no harm
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise NoHttp("what came is no HTTP: the length of the answer is no number")
    return int(length)
