"""A streamed answer of the chat-completions wire as it arrives: bytes in, our chunks out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import CompletionChunk, FinishReason, ToolCallFragment
from llamabot.ports.errors import BadCompletion, StreamTruncated
from llamabot.ports.messages import AssistantMessage
from llamabot.protocols.chat_completions.answers import arguments_in, call_fields
from llamabot.protocols.chat_completions.fields import (
    ProviderFailed,
    cost_in,
    decoded,
    finish_reason,
    merged,
    model_in,
    own_fields,
    refusal_in,
    text_in,
    told_in,
    usage_in,
)
from llamabot.protocols.chat_completions.requests import CALL_FIELDS
from llamabot.protocols.failures import Told
from llamabot.protocols.sse import EventParser, ServerSentEvent

__all__ = ["StreamReading"]

_DONE = b"[DONE]"


class _Choice(msgspec.Struct, gc=False):
    delta: dict[str, Any] | None = None
    finish_reason: Any = None
    index: Any = 0


class _Event(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = None
    model: Any = None
    error: Any = None


_EVENTS = msgspec.json.Decoder(_Event | None)
_ANYTHING = msgspec.json.Decoder(object)


class StreamReading:
    """One streamed answer; belongs to one call.

    Args:
        several: whether more than one answer was asked for; the first is read.

    Attributes:
        finished: whether it has said why it ended.
        done: whether it has said that nothing more comes.
        has_begun: whether any of its bytes have come.
    """

    def __init__(self, *, several: bool = False) -> None:
        self.finished = False
        self.done = False
        self.has_begun = False
        self._several = several
        self._events = EventParser()
        self._chunks: list[CompletionChunk] = []
        self._own: dict[str, Any] = {}
        self._calls = _Calls()

    def feed(self, data: bytes) -> Iterator[CompletionChunk]:
        """Yield the chunks that these bytes complete.

        Raises:
            BadCompletion: an event is no part of an answer.
            ProviderFailed: an event says that the provider failed.
        """
        self.has_begun = True
        for event in self._events.feed(data):
            if event.data[:1] != b"{":
                word = event.data.strip()
                self.done = self.done or word == _DONE
                if not word:  # it keeps the connection warm
                    continue
            if self.done:
                return
            if (chunk := self._chunk(event)) is not None:
                self._chunks.append(chunk)
                yield chunk

    def end(self) -> Iterator[CompletionChunk]:
        """Yield what is left at the end of the stream: an event that broke off but is whole, the provider's own fields.

        Raises:
            StreamTruncated: the provider never said why it ended; `partial` holds what had arrived.
        """
        yield from self._unended()
        if not self.finished:
            message = self.partial()
            raise StreamTruncated(
                f"the stream ended without a finish reason after {len(message.text):,} characters", partial=message
            )
        if own := self._calls.own():
            self._own[CALL_FIELDS] = own
        if self._own:
            yield CompletionChunk(provider_data=self._own)

    @property
    def has_said_anything(self) -> bool:
        """Whether there was any chunk."""
        return bool(self._chunks)

    def partial(self) -> AssistantMessage:
        """Return what has arrived."""
        assembler = Assembler()
        for chunk in self._chunks:
            assembler.feed(chunk)
        return assembler.message()

    def _unended(self) -> Iterator[CompletionChunk]:
        for event in () if self.done else self._events.end():
            try:
                chunk = self._chunk(event)
            except BadCompletion:  # it was cut
                continue
            if chunk is not None:
                self._chunks.append(chunk)
                yield chunk

    def _chunk(self, event: ServerSentEvent) -> CompletionChunk | None:
        """Return what an event says, or None if that is nothing."""
        said = decoded(event.data, _EVENTS, _Event | None)  # type: ignore[arg-type]  # msgspec takes unions for types
        if said is None:
            return None
        if said.error or event.name == "error":
            raise ProviderFailed(told_in(said.error or decoded(event.data, _ANYTHING, object)))
        chunk = self._said(said) if said.choices else None
        if said.usage and (usage := usage_in(said.usage)):
            cost = cost_in(said.usage)
            chunk = msgspec.structs.replace(chunk or CompletionChunk(), usage=usage, cost_usd=cost)
        return chunk

    def _said(self, said: _Event) -> CompletionChunk | None:
        choices = said.choices or []
        choice = choices[0]
        if self._several:
            mine = [one for one in choices if one.index in (0, None)]
            if not mine:
                return None
            choice = mine[0]
        delta, reason = choice.delta or {}, choice.finish_reason
        text = delta.get("content")
        if reason is None and len(delta) == 1 and type(text) is str:
            return CompletionChunk(text) if text else None
        chunk = self._whole(delta)
        if reason is None or reason == "" or self.finished:
            return chunk if chunk.text or chunk.reasoning or chunk.tool_calls else None
        return self._finished(chunk, reason, said)

    def _whole(self, delta: Mapping[str, Any]) -> CompletionChunk:
        if own := own_fields(delta):
            self._own = merged(self._own, own)
        return CompletionChunk(
            text_in(delta, "content") or refusal_in(delta),
            text_in(delta, "reasoning_content") or text_in(delta, "reasoning"),
            self._calls.fragments(delta.get("tool_calls")) if delta.get("tool_calls") else (),
        )

    def _finished(self, chunk: CompletionChunk, said: Any, event: _Event) -> CompletionChunk:
        if said == "error":
            raise ProviderFailed(Told(None, "", "it ended the answer with the reason 'error'"))
        self.finished = True
        reason = finish_reason(said if isinstance(said, str) else str(said))
        if reason is FinishReason.STOP and self._calls.any:
            # Some servers do not say it.
            reason = FinishReason.TOOL_CALLS
        return msgspec.structs.replace(chunk, finish_reason=reason, model=model_in(event.model))


class _Calls:
    """The calls of a stream: which fragment belongs to which, and what of them is the provider's own.

    Attributes:
        any: whether there are any.
    """

    def __init__(self) -> None:
        self.any = False
        self._ids: dict[str, int] = {}
        self._seen: set[int] = set()
        self._last = -1
        self._silent: dict[int, str] = {}
        self._own: dict[int, dict[str, Any]] = {}

    def fragments(self, calls: Any) -> tuple[ToolCallFragment, ...]:
        """Return the fragments that a delta holds."""
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise BadCompletion("the provider's answer is not made as one: its calls are no list of objects")
        return tuple(fragment for call in calls if (fragment := self._fragment(call)) is not None)

    def own(self) -> list[dict[str, Any]]:
        """Return the provider's own fields, one mapping a call; nothing if there are none."""
        return [self._own.get(index, {}) for index in sorted(self._seen)] if self._own else []

    def _fragment(self, call: Mapping[str, Any]) -> ToolCallFragment | None:
        id_, function = str(call.get("id") or ""), call.get("function")
        index = self._index(call.get("index"), id_)
        if more := call_fields(call):
            self._own[index] = merged(self._own.get(index, {}), more)
        if not isinstance(function, dict):
            # An id alone is no call: it waits for what is called.
            if id_:
                self._silent[index] = id_
            return None
        self.any = True
        self._seen.add(index)
        id_ = id_ or self._silent.pop(index, "")
        return ToolCallFragment(index, id_, str(function.get("name") or ""), arguments_in(function))

    def _index(self, written: Any, id_: str) -> int:
        """Return which call a fragment belongs to; where it is not numbered, its id tells, or else it goes on."""
        if isinstance(written, str) and written.isdecimal():
            written = int(written)
        if type(written) is not int:
            next_ = self._last + 1 if id_ else max(self._last, 0)
            written = self._ids.get(id_, next_) if id_ else next_
        if id_:
            self._ids[id_] = written
        self._last = max(self._last, written)
        return int(written)
