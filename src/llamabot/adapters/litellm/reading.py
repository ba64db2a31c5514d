"""A stream as it arrives: LiteLLM's pieces in, our chunks out. Pure, and the same in both colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llamabot.adapters.litellm.answers import (
    call_fields,
    cost_usd,
    every_field,
    fields_of,
    model_of,
    own_fields,
    reason_of,
    text_alone,
    unfolded,
    usage_of,
)
from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import CompletionChunk, FinishReason, ToolCallFragment
from llamabot.ports.errors import BadCompletion, StreamTruncated
from llamabot.ports.kinds import a_kind
from llamabot.ports.messages import AssistantMessage
from llamabot.protocols.chat_completions import CALL_FIELDS, merged

__all__ = ["Reading"]

# Of a reply with such a type no event can be read; LiteLLM takes it for a stream without any.
_NO_STREAMS = ("application/json", "text/html", "text/plain")


class Reading:
    """One streamed answer; belongs to one call.

    LiteLLM gathers the pieces, and at the end makes a whole answer of them for its callbacks, which takes a fifth of a
    stream's time. Where there are none, pieces that are text alone are taken from it again.

    Args:
        several: more than one answer was asked for.
        heard: LiteLLM has callbacks that want the whole answer.

    Attributes:
        finished: whether it has said why it ended.
    """

    def __init__(self, stream: Any, model: str, litellm: Any, *, several: bool, heard: bool) -> None:
        self.finished = False
        self._stream = stream
        self._model = model
        self._litellm = litellm
        self._several = several
        self._needless: list[Any] = [] if heard else getattr(stream, "chunks", [])
        self._chunks: list[CompletionChunk] = []
        self._fields: dict[str, Any] = {}
        self._call_fields: dict[int, dict[str, Any]] = {}

    def chunk(self, piece: Any) -> CompletionChunk | None:
        """Return what a piece says, or None if that is nothing.

        Raises:
            StreamTruncated: it is the end that LiteLLM makes up for a stream without one.
            BadCompletion: as above, and the reply was no stream at all; or a text is none.
        """
        if not self._several and (text := text_alone(piece)):
            chunk: CompletionChunk | None = CompletionChunk(text)
            if self._needless and self._needless[-1] is piece:
                self._needless.pop()
        else:
            chunk = self._whole(piece)
        if chunk is not None:
            self._chunks.append(chunk)
        return chunk

    def _whole(self, piece: Any) -> CompletionChunk | None:
        chunk = self._said(piece.choices[0], piece) if piece.choices else None
        if usage := (piece.model_extra or {}).get("usage"):
            chunk = self._accounted(chunk or CompletionChunk(), usage)
        return chunk

    def rest(self) -> CompletionChunk | None:
        """Return the provider's own fields, put together, at the end of the stream.

        Raises:
            StreamTruncated: the provider never said why it ended.
        """
        if not self.finished:
            raise self._truncated()
        if self._call_fields:
            last = max(self._call_fields)
            self._fields[CALL_FIELDS] = [self._call_fields.get(index, {}) for index in range(last + 1)]
        return CompletionChunk(provider_data=self._fields) if self._fields else None

    def partial(self) -> AssistantMessage:
        """Return what has arrived."""
        assembler = Assembler()
        for chunk in self._chunks:
            assembler.feed(chunk)
        return assembler.message()

    def _said(self, choice: Any, piece: Any) -> CompletionChunk | None:
        told = every_field(choice)
        if self._several and told.get("index") != 0:
            return None
        fields, reason = fields_of(told["delta"]), told.get("finish_reason")
        text = self._text(fields, "content")
        if own := own_fields(fields):
            self._fields = merged(self._fields, own)
        chunk = CompletionChunk(
            text or self._text(fields, "refusal"),
            self._text(fields, "reasoning_content"),
            tuple(map(self._fragment, fields.get("tool_calls", ()))),
        )
        if reason is not None:
            return self._finished(chunk, reason, piece)
        return chunk if chunk.text or chunk.reasoning or chunk.tool_calls else None

    def _text(self, fields: Mapping[str, Any], name: str) -> str:
        text = fields.get(name, "")
        if not isinstance(text, str):
            raise BadCompletion(f"{self._model}: the provider's {name!r} is no text but {a_kind(text)}")
        return text

    def _fragment(self, call: Any) -> ToolCallFragment:
        if more := call_fields(call):
            self._call_fields[call.index] = merged(self._call_fields.get(call.index, {}), more)
        function = call.function
        return ToolCallFragment(call.index, call.id or "", function.name or "", function.arguments or "")

    def _finished(self, chunk: CompletionChunk, said: str, piece: Any) -> CompletionChunk:
        stream = self._stream
        if not (getattr(stream, "received_finish_reason", True) or getattr(stream, "intermittent_finish_reason", None)):
            raise self._truncated()
        self.finished = True
        self._fields = unfolded(self._fields, piece, self._litellm)
        reason = reason_of(said, getattr(stream, "received_finish_reason", None), self._litellm)
        if reason is FinishReason.STOP and any(one.tool_calls for one in (*self._chunks, chunk)):
            # Some servers do not say it; of a whole answer LiteLLM does.
            reason = FinishReason.TOOL_CALLS
        return CompletionChunk(chunk.text, chunk.reasoning, chunk.tool_calls, reason, model=model_of(piece))

    def _accounted(self, chunk: CompletionChunk, counted: Any) -> CompletionChunk | None:
        """Add the tokens, unless LiteLLM counted them itself because the provider did not."""
        pieces = getattr(self._stream, "chunks", None)
        told = pieces is None or any(getattr(piece, "usage", None) is not None for piece in reversed(pieces))
        usage = usage_of(counted) if told else None
        if usage is None:
            return None if chunk == CompletionChunk() else chunk
        price = cost_usd(self._litellm, self._model, counted)
        return msgspec.structs.replace(chunk, usage=usage, cost_usd=price)

    def _truncated(self) -> StreamTruncated | BadCompletion:
        message = self.partial()
        headers = getattr(self._stream, "_response_headers", None) or {}
        kind = str(headers.get("content-type", "")).lower().partition(";")[0]
        if message == AssistantMessage() and kind.startswith(_NO_STREAMS):
            return BadCompletion(f"{self._model}: the provider answered with {kind} where a stream was asked for")
        return StreamTruncated(
            f"{self._model}: the stream ended without a finish reason after {len(message.text):,} characters",
            partial=message,
        )
