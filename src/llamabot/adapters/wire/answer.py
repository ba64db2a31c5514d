"""One answer on one connection, whatever its colour: what has come of it, and whether the connection may be kept."""

from __future__ import annotations

from llamabot.adapters.wire.connection import CLOSED, ConnectionFailed
from llamabot.adapters.wire.http1 import AnswerReader, NoHttp

__all__ = ["Answer"]


class Answer:
    """An answer as a line receives it."""

    def __init__(self) -> None:
        self._reader = AnswerReader()
        self._body = b""
        self._has_begun = False
        self._broken: ConnectionFailed | TimeoutError | None = None

    @property
    def status(self) -> int:
        """Of the answer, 0 until its head has come."""
        return self._reader.status

    @property
    def has_failed(self) -> bool:
        """Whether nothing more comes of it."""
        return self._broken is not None

    def header(self, name: str) -> str | None:
        """Return the value of a header, by its name in lower case."""
        return self._reader.headers.get(name)

    def receive(self, data: bytes) -> None:
        """Take in what has come, b"" for the end of the connection."""
        try:
            if data:
                self._has_begun = True
                body = self._reader.feed(data)
                self._body = self._body + body if self._body else body
            else:
                self._reader.end()
        except NoHttp as error:
            self.fail(ConnectionFailed(str(error) if self._has_begun else CLOSED))

    def fail(self, error: ConnectionFailed | TimeoutError) -> None:
        """Take in that nothing more comes, and why."""
        self._broken = self._broken or error

    def has_head(self) -> bool:
        """Whether the head has come; raises what it failed with if it will not."""
        if self._reader.status:
            return True
        if self._broken is not None:
            raise self._broken
        return False

    def taken(self) -> bytes | None:
        """Return what has come of the body since, b"" at its end, None where it is to be waited for.

        Raises:
            ConnectionFailed, TimeoutError: nothing more comes, and the end has not.
        """
        body, self._body = self._body, b""
        if body or self._reader.is_over:
            return body
        if self._broken is not None:
            raise self._broken
        return None

    def may_be_followed(self) -> bool:
        """Whether another request may be sent on the connection: all of this has come, and nothing else has."""
        reader = self._reader
        return reader.is_over and reader.keeps_alive and not reader.has_more and self._broken is None
