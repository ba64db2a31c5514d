"""One answer as it comes in: its chunks, how long to wait for the next, what it is when it ends.

No I/O and no colour: both loops of `completion.py` feed it.
"""

from __future__ import annotations

import time

import msgspec

from llamabot.adapters.llamacpp.runtime import End, Event
from llamabot.adapters.llamacpp.wire import AnswerReader, question_of
from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.errors import CompletionError, CompletionTimeout
from llamabot.ports.messages import AssistantMessage

__all__ = ["Answer"]


class Answer:
    """Belongs to one call.

    Args:
        model: the name under which the model answers.
        whole: whether the time-out is for the whole answer, not for each fragment.

    Attributes:
        body: the request in the runtime's words.
        ended: whether the runtime has said all.
    """

    def __init__(self, request: CompletionRequest, *, model: str, answer_tokens: int, whole: bool) -> None:
        question = question_of(request, answer_tokens=answer_tokens)
        self.body = question.body
        self.ended = False
        self._reader = AnswerReader(question)
        self._assembler = Assembler()
        self._news = CompletionChunk(model=model)
        self._timeout_s = request.timeout_s
        self._whole = whole
        self._deadline = time.monotonic() + request.timeout_s

    def patience_s(self) -> float:
        """Return how long to wait for the next event."""
        return max(0.0, self._deadline - time.monotonic())

    def take(self, event: Event) -> CompletionChunk | None:
        """Take an event in; return the chunk that it is, None for one without news.

        Raises:
            CompletionError: it is an error, or the end of an answer without a finish reason.
        """
        if isinstance(event, Exception):
            raise self._with_partial(event)
        if isinstance(event, End):
            self.ended = True
            self._assembler.completion()
            return None
        try:
            chunk = self._reader.read(event)
        except CompletionError as error:
            raise self._with_partial(error) from error.__cause__
        return chunk and self._fed(chunk)

    def late(self) -> CompletionTimeout:
        """Return the error for an answer that took too long."""
        what = "the answer did not end" if self._whole else "nothing more came"
        return CompletionTimeout(
            f"{what} within {self._timeout_s:g} s; give it more time (timeout_s) or fewer tokens (max_tokens)",
            partial=self._partial(),
        )

    def completion(self) -> Completion:
        """Return the whole answer."""
        return self._assembler.completion()

    def _fed(self, chunk: CompletionChunk) -> CompletionChunk:
        if self._news.model:
            chunk, self._news = msgspec.structs.replace(chunk, model=self._news.model), CompletionChunk()
        if not self._whole:
            self._deadline = time.monotonic() + self._timeout_s
        self._assembler.feed(chunk)
        return chunk

    def _with_partial(self, error: Exception) -> Exception:
        if isinstance(error, CompletionError):
            error.partial = self._partial()
        return error

    def _partial(self) -> AssistantMessage | None:
        message = self._assembler.message()
        return message if message.content or message.tool_calls else None
