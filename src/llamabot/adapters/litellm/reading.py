"""A stream as it arrives: LiteLLM's pieces in, our chunks out. Pure, and the same in both colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llamabot.adapters.litellm.answers import (
    call_fields,
    cost_usd,
    finish_reason,
    merged,
    model_of,
    own_fields,
    unfolded,
    usage_of,
    values_of,
)
from llamabot.adapters.litellm.wire import CALL_FIELDS
from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import CompletionChunk, ToolCallFragment
from llamabot.ports.errors import BadCompletion, StreamTruncated
from llamabot.ports.messages import AssistantMessage

__all__ = ["Reading"]

# Of a reply with such a type no event can be read; LiteLLM takes it for a stream without any.
_NO_STREAMS = ("application/json", "text/html", "text/plain")


class Reading:
    """One streamed answer; belongs to one call.

    Attributes:
        finished: whether it has said why it ended.
    """

    def __init__(self, model: str, litellm: Any, options: Mapping[str, Any]) -> None:
        self.finished = False
        self._model = model
        self._litellm = litellm
        self._several = options.get("n", 1) != 1
        self._assembler = Assembler()
        self._fields: dict[str, Any] = {}
        self._call_fields: dict[int, dict[str, Any]] = {}

    def chunk(self, piece: Any, stream: Any) -> CompletionChunk | None:
        """Return what a piece says, or None if that is nothing.

        Raises:
            StreamTruncated: it is the end that LiteLLM makes up for a stream without one.
            BadCompletion: as above, and the reply was no stream at all.
        """
        chunk = self._fragment(piece, stream) if piece.choices else None
        if (usage := values_of(piece).get("usage")) is not None:
            chunk = self._accounted(chunk, usage, stream)
        if chunk is not None:
            self._assembler.feed(chunk)
        return chunk

    def rest(self) -> CompletionChunk | None:
        """Return the provider's own fields, put together, at the end of the stream.

        Raises:
            StreamTruncated: the provider never said why it ended.
        """
        if not self.finished:
            raise self._truncated(None)
        if self._call_fields:
            last = max(self._call_fields)
            self._fields[CALL_FIELDS] = [self._call_fields.get(index, {}) for index in range(last + 1)]
        return CompletionChunk(provider_data=self._fields) if self._fields else None

    def partial(self) -> AssistantMessage:
        """Return what has arrived."""
        return self._assembler.message()

    def _fragment(self, piece: Any, stream: Any) -> CompletionChunk | None:
        choice = piece.choices[0]
        reason = choice.finish_reason
        if self._several and choice.index != 0:
            return None
        said = values_of(choice.delta)
        if more := own_fields(said):
            self._fields = merged(self._fields, more)
        text, reasoning = said.get("content") or said.get("refusal"), said.get("reasoning_content")
        calls = said.get("tool_calls") or ()
        if reason is not None:
            self._finish(piece, stream)
        elif not (text or reasoning or calls):
            return None
        return CompletionChunk(
            text=text or "",
            reasoning=reasoning or "",
            tool_calls=tuple(self._call(call) for call in calls) if calls else (),
            finish_reason=None if reason is None else finish_reason(reason),
            model=None if reason is None else model_of(piece),
        )

    def _call(self, call: Any) -> ToolCallFragment:
        if more := call_fields(call):
            self._call_fields[call.index] = merged(self._call_fields.get(call.index, {}), more)
        function = call.function
        return ToolCallFragment(call.index, call.id or "", function.name or "", function.arguments or "")

    def _finish(self, piece: Any, stream: Any) -> None:
        received = getattr(stream, "received_finish_reason", True) or getattr(
            stream, "intermittent_finish_reason", None
        )
        if not received:
            raise self._truncated(stream)
        self.finished = True
        self._fields = unfolded(self._fields, piece, self._litellm)

    def _accounted(self, chunk: CompletionChunk | None, counted: Any, stream: Any) -> CompletionChunk | None:
        """Add the tokens, unless LiteLLM counted them itself because the provider did not."""
        usage = usage_of(counted) if _is_from_provider(stream) else None
        if usage is None:
            return chunk
        told = chunk or CompletionChunk()
        return CompletionChunk(
            text=told.text,
            reasoning=told.reasoning,
            tool_calls=told.tool_calls,
            finish_reason=told.finish_reason,
            model=told.model,
            usage=usage,
            cost_usd=cost_usd(self._litellm, self._model, counted),
        )

    def _truncated(self, stream: Any) -> StreamTruncated | BadCompletion:
        message = self._assembler.message()
        kind = _content_type(stream)
        if message == AssistantMessage() and kind.startswith(_NO_STREAMS):
            return BadCompletion(
                f"{self._model}: the provider answered with {kind.partition(';')[0]} where a stream was asked for"
            )
        return StreamTruncated(
            f"{self._model}: the stream ended without a finish reason after {len(message.text):,} characters",
            partial=message,
        )


def _is_from_provider(stream: Any) -> bool:
    pieces = getattr(stream, "chunks", None)
    return pieces is None or any(getattr(piece, "usage", None) is not None for piece in reversed(pieces))


def _content_type(stream: Any) -> str:
    headers = getattr(stream, "_response_headers", None) or {}
    return str(headers.get("content-type", "")).lower()
