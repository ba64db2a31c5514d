"""One request on its way and its answer as it arrives: what is sent, what it means, what its end means.

Nothing here waits: the transports of both colours send what a call holds, and feed it what comes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.answer import Answer
from llamabot.adapters.wire.connection import ConnectionFailed
from llamabot.adapters.wire.setup import Setup
from llamabot.ports.completion import Completion, CompletionChunk
from llamabot.ports.errors import (
    BadCompletion,
    CompletionError,
    LlamabotError,
    PortError,
    ProviderUnavailable,
    RateLimited,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage
from llamabot.protocols.chat_completions import ProviderFailed, StreamReading, completion_in
from llamabot.protocols.chat_completions.fields import NO_COMPLETION, told_in
from llamabot.protocols.failures import (
    Failure,
    Kind,
    Told,
    broken,
    by_status,
    by_words,
    key_places,
    says_something,
    status_in,
    timed_out,
    too_long_or_filtered,
)
from llamabot.protocols.unpacking import NotUnpacked, TooLarge, Unpacker
from llamabot.protocols.words import one_line, seconds_to_wait

__all__ = ["KEY_VARIABLE", "Call"]

KEY_VARIABLE = "LLAMABOT_WIRE_KEY"
MOST_BYTES = 256 * 1024 * 1024
"""Most bytes of an answer that are taken in."""

_MOST_BYTES_OF_A_REFUSAL = 1024 * 1024
_AFTERWORD_S = 5.0
# What ends the body of an answer before its end.
_BREAKS = (ConnectionFailed, NotUnpacked, TimeoutError, TooLarge)
# What reading stumbles over where an answer is made as nobody would have thought.
_BUGS = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
_JSON_OR_HTML = (b"{", b"[", b"<")
_NO_STREAMS = ("application/json", "text/html", "text/plain")


class Call:
    """One request, and what comes back.

    Attributes:
        address: where it goes.
        answer: to it, as it is received.
        body: of the request.
        deadline: until when the next wait may last, by the monotonic clock.
        is_done: whether the answer has said that nothing more comes.
    """

    def __init__(
        self, setup: Setup, endpoint: str, body: bytes, *, model: str, timeout_s: float, streamed: bool
    ) -> None:
        self.address: Address = setup.address
        self.answer = Answer()
        self.body = body
        self._setup = setup
        self._endpoint = endpoint
        self._model = model
        self._timeout_s = setup.timeout_s if setup.timeout_s is not None else timeout_s
        self._streamed = streamed
        self._status = 0
        self._kind = ""
        self._retry_after: str | None = None
        self._unpacker: Unpacker | None = None
        self._reading: StreamReading | None = None
        self._parts: list[bytes] = []
        self._outer = sys.exception()
        self.is_done = False
        self.deadline = time.monotonic() + self._timeout_s

    def request_bytes(self) -> bytes:
        """Return the whole request, the key in it: therefore no local variable of a frame that raises."""
        # Behind a stream some servers close a connection without a word, and a request that meets the end on its way is
        # lost; OpenAI's own client closes it too.
        return self._setup.request_bytes(self._endpoint, self.body, lasts=not self._streamed)

    def begin(self) -> None:
        """Take in the head of the answer.

        Raises:
            NotUnpacked: its body is packed in a way that nobody asked for.
        """
        head = self.answer
        self._status = head.status
        self._kind = (head.header("content-type") or "").lower().partition(";")[0].strip()
        self._retry_after = head.header("retry-after")
        is_answer = self._is_answer
        if not is_answer:
            # Its status says most; the words are not worth a long wait.
            self.deadline = min(self.deadline, time.monotonic() + _AFTERWORD_S)
        coding = (head.header("content-encoding") or "").lower().strip()
        self._unpacker = Unpacker(coding, MOST_BYTES if is_answer else _MOST_BYTES_OF_A_REFUSAL)
        if self._streamed and is_answer:
            self._reading = StreamReading(several=self._setup.wants_several)

    def take(self, data: bytes) -> None:
        """Take in a piece of the body of a whole answer; raises NotUnpacked and TooLarge."""
        self._parts.append(self._unpacker.feed(data) if self._unpacker else data)

    def chunks(self, data: bytes) -> Iterator[CompletionChunk]:
        """Yield the chunks of a stream that a piece of the body completes; of what is none, nothing.

        Raises:
            BadCompletion, ProviderFailed, NotUnpacked, TooLarge: the answer is none.
        """
        data = self._unpacker.feed(data) if self._unpacker else data
        reading = self._reading
        if reading is None or self._parts:
            self._parts.append(data)
            return
        if not reading.has_begun and data.lstrip()[:1] in _JSON_OR_HTML:
            # A whole answer, or an error, in the place of a stream.
            self._parts.append(data)
            return
        anything = False
        for chunk in reading.feed(data):
            anything = True
            yield chunk
        self.is_done = reading.done
        if anything:
            self.deadline = time.monotonic() + (
                min(self._timeout_s, _AFTERWORD_S) if reading.finished else self._timeout_s
            )

    def body_of_answer(self) -> bytes:
        """Return the body of a whole answer; raises ProviderFailed if it is a refusal."""
        if not self._is_answer:
            raise self._refused()
        return b"".join(self._parts)

    def completion(self) -> Completion:
        """Return a whole answer; raises as `completion_in`, and ProviderFailed."""
        body = self.body_of_answer()
        if self._kind == "text/event-stream":
            raise BadCompletion(f"{NO_COMPLETION}: it is a stream, which was not asked for")
        return completion_in(body)

    def check_stream(self) -> None:
        """At the end of a body: see that it was a stream.

        Raises:
            BadCompletion, ProviderFailed, StreamTruncated: it was none, or broke off.
        """
        reading = self._reading
        if reading is None or self._parts:
            completion_in(self.body_of_answer())
        if self._parts or (self._kind.startswith(_NO_STREAMS) and reading and not reading.has_said_anything):
            kind = self._kind or "something"
            raise BadCompletion(f"the provider answered with {kind} where a stream was asked for")

    def rest(self) -> Iterator[CompletionChunk]:
        """Yield what is left at the end of a stream; raises our error if it has broken off."""
        if self._reading is None:
            return
        try:
            yield from self._reading.end()
        except (PortError, ProviderFailed) as error:
            failure = self.failure(error)
        else:
            return
        raise failure.error from failure.cause

    def failure_of_stream(self, error: BaseException) -> Failure | None:
        """Return our error for one that ended the stream, or None if the answer was whole when nothing more came."""
        if self._reading and self._reading.finished and isinstance(error, ConnectionFailed | TimeoutError):
            return None
        return self.failure(error)

    def failure(self, error: BaseException) -> Failure:
        """Return our error for one that ended this call."""
        partial = self._reading.partial() if self._reading else None
        if isinstance(error, LlamabotError):
            # The frames that it came through hold what the server said, which may be the key.
            cause, error.__context__, error.__traceback__ = self._shown(error.__cause__), None, None
            return Failure(self._told_of(error, partial), cause)
        if self._status and not self._is_answer and isinstance(error, _BREAKS):
            error = self._refused()
        kind, said = self._kind_and_sentence(error)
        ours = kind(self._scrubbed(f"{self._model}: {said}"))
        if isinstance(error, ProviderFailed):
            ours.status_code = error.told.status or status_in(error.told.code)
        ours.partial = partial if says_something(partial) or kind is StreamTruncated else None
        if isinstance(ours, RateLimited):
            ours.retry_after_s = seconds_to_wait(self._retry_after, time.time())
        # Ours alone are not worth showing: what they come from is.
        return Failure(ours, self._shown(error if isinstance(error, TimeoutError) else error.__cause__))

    @property
    def _is_answer(self) -> bool:
        return 200 <= self._status < 300

    def _refused(self) -> ProviderFailed:
        """Return what the provider says in an answer that is a refusal, as far as its body has come."""
        return ProviderFailed(told_in(_leniently(b"".join(self._parts)), self._status))

    def _told_of(self, error: LlamabotError, partial: AssistantMessage | None) -> LlamabotError:
        if isinstance(error, CompletionError):
            error.args = (self._scrubbed(f"{self._model}: {error}"),)
            if error.partial is None and says_something(partial):
                error.partial = partial
        return error

    def _kind_and_sentence(self, error: BaseException) -> Kind:
        if isinstance(error, ProviderFailed):
            return self._refusal(error.told)
        if isinstance(error, TimeoutError):
            return timed_out(self._timeout_s)
        if isinstance(error, ConnectionFailed):
            return broken(one_line(str(error)), streaming=self._reading is not None)
        if isinstance(error, NotUnpacked | TooLarge):
            return BadCompletion, f"{NO_COMPLETION}: {error}"
        if self._status and isinstance(error, _BUGS):
            return BadCompletion, f"the provider's answer is not made as one: {type(error).__name__}: {error}"
        raise error

    def _refusal(self, told: Told) -> Kind:
        def places() -> str:
            return key_places([KEY_VARIABLE], told.words)

        if (known := too_long_or_filtered(told)) is not None:
            return known
        status = told.status if told.status is not None else status_in(told.code)
        if status is not None:
            return by_status(status, told, places)
        return by_words(told, places) or (ProviderUnavailable, f"the provider failed: {told.words}")

    def _scrubbed(self, text: str) -> str:
        return self._setup.scrubber().scrubbed(text)

    def _shown(self, cause: BaseException | None) -> BaseException | None:
        """Return the original without its traceback, whose frames hold the headers; None if it shows a key itself."""
        chain = []
        found = cause
        while found is not None and found is not self._outer and found not in chain:
            chain.append(found.with_traceback(None))
            found = found.__cause__ or found.__context__
        return None if self._setup.scrubber().finds_any_in(chain) else cause


def _leniently(body: bytes) -> Any:
    """Return the body of a refusal: what its JSON holds, or else its text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body[:_MOST_BYTES_OF_A_REFUSAL].decode("utf-8", "replace")
