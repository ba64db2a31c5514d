"""An answer of HTTP/1.1 as its bytes arrive: h11 reads it, without I/O, so that both colours read it alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from llamabot.ports.errors import MissingExtra

__all__ = ["AnswerReader", "NoHttp"]

_MOST_HEAD_BYTES = 64 * 1024
_CUT = "the server closed the connection before the end"


class NoHttp(Exception):
    """What came is no HTTP, or ends before it should."""


class AnswerReader:
    """One answer.

    Attributes:
        status: of it, 0 until its head has come.
        headers: by their names in lower case; several of a name are one, with commas.
        is_over: whether all of the answer has come.
        has_more: whether something came behind the end of the answer.

    Law: the body and the head are the same for any split of the bytes.
    """

    def __init__(self) -> None:
        h11, request = _h11()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.is_over = False
        self.has_more = False
        self._h11 = h11
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD_BYTES)
        self._connection.send(request)
        self._wrong = ""

    @property
    def keeps_alive(self) -> bool:
        """Whether the server lets the connection be used again."""
        # Of an answer with two lengths, who knows where the next begins.
        has_two_lengths = "transfer-encoding" in self.headers and "content-length" in self.headers
        return self._connection.their_state is self._h11.DONE and not has_two_lengths

    def feed(self, data: bytes) -> bytes:
        """Take bytes in; return those of the body that they hold. What was good before something wrong is returned.

        Raises:
            NoHttp: there is nothing good, and something wrong.
        """
        self._check()
        if self.is_over:
            self.has_more = self.has_more or bool(data)
            return b""
        body = self._read(data)
        if not body:
            self._check()
        return body

    def end(self) -> None:
        """Take in that the connection has ended.

        Raises:
            NoHttp: the answer has not.
        """
        self._check()
        if not self.is_over:
            self._read(b"")
            self._check()

    def _check(self) -> None:
        if self._wrong:
            raise NoHttp(self._wrong)

    def _read(self, data: bytes) -> bytes:
        """Return what bytes, b"" for the end, hold of the body; remember what is wrong."""
        h11, connection, pieces = self._h11, self._connection, []
        try:
            connection.receive_data(data)
            while (event := connection.next_event()) is not h11.NEED_DATA:
                kind = type(event)
                if kind is h11.Data:
                    pieces.append(bytes(event.data))
                elif kind is h11.Response:
                    self._begin(event)
                elif kind is h11.EndOfMessage:
                    self.is_over = True
                    self.has_more = bool(connection.trailing_data[0])
                    break
                elif kind is h11.ConnectionClosed:
                    self._wrong = _CUT
                    break
        except h11.RemoteProtocolError as error:
            self._wrong = (
                f"what came is no HTTP: {error}" if data else "the server closed the connection before the end"
            )
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _begin(self, response: Any) -> None:
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.status, self.headers = response.status_code, headers


@cache
def _h11() -> tuple[Any, Any]:
    """Return h11, and a request for its bookkeeping: it reads the answer to a POST otherwise than that to a HEAD.

    The body of the request it is not told of, for it makes nothing of it.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import h11
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package("h11", "wire") from error
    return h11, h11.Request(method="POST", target="/", headers=[("Host", "-")])
