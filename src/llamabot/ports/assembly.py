"""What a stream of chunks means: the pure assembler that turns fragments into a completion.

No I/O and no colour: a driver or an adapter feeds it one fragment at a time. It also mends text, so that a character
whose UTF-16 halves came in two fragments is one character again and a half without its other half becomes U+FFFD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import is_
from typing import Any

import msgspec

from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ToolCallFragment, Usage
from llamabot.ports.errors import BadCompletion, StreamTruncated
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall

__all__ = ["Assembler", "as_chunk", "assemble", "mend_completion", "mend_text"]


def mend_text(text: str) -> str:
    """Return text that UTF-8 can carry: halves of a character joined, lone halves replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mend_completion(completion: Completion) -> Completion:
    """Return the completion with all of its text mended, as a stream of it would have given it.

    The same object if there is nothing to change. Empty reasoning and empty data of the provider are None.
    """
    message = completion.message
    content, reasoning, calls, data = message.content, message.reasoning, message.tool_calls, message.provider_data
    if isinstance(content, str):
        content = mend_text(content)
    if reasoning is not None:
        reasoning = mend_text(reasoning) or None
    if calls:
        calls = _mend_calls(calls)
    if data is not None:
        data = (data and _mend_data(data)) or None
    if (
        content is message.content
        and reasoning is message.reasoning
        and calls is message.tool_calls
        and data is message.provider_data
    ):
        return completion
    mended = msgspec.structs.replace(
        message, content=content, reasoning=reasoning, tool_calls=calls, provider_data=data
    )
    return msgspec.structs.replace(completion, message=mended)


def assemble(chunks: Iterable[CompletionChunk]) -> Completion:
    """Put a whole stream together.

    Raises:
        StreamTruncated: no chunk had a finish reason.

    Law: any split of the same text, reasoning and arguments gives the same completion.
    """
    assembler = Assembler()
    for chunk in chunks:
        assembler.feed(chunk)
    return assembler.completion()


def as_chunk(completion: Completion) -> CompletionChunk:
    """Return an answer as a stream of one fragment.

    Law: `assemble([as_chunk(completion)])` is the completion, for one whose content is text and which is mended.
    """
    message = completion.message
    return CompletionChunk(
        text=message.text,
        reasoning=message.reasoning or "",
        tool_calls=tuple(
            ToolCallFragment(index, call.id, call.name, call.arguments) for index, call in enumerate(message.tool_calls)
        ),
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        model=completion.model,
        provider_data=message.provider_data,
        from_cache=completion.from_cache,
    )


class Assembler:
    """Collects the chunks of one answer; belongs to one call."""

    def __init__(self) -> None:
        self._text = _MendedText()
        self._reasoning = _MendedText()
        self._calls: dict[int, list[_Call]] = {}
        self._provider_data: dict[str, Any] = {}
        self._finish_reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._cost_usd: float | None = None
        self._model: str | None = None
        self._from_cache = False

    def feed(self, chunk: CompletionChunk) -> tuple[str, str]:
        """Take one chunk in; return the text and the reasoning that it completes, mended, either of them maybe ""."""
        for fragment in chunk.tool_calls:
            self._feed_call(fragment)
        if chunk.provider_data:
            self._provider_data |= chunk.provider_data
        if chunk.finish_reason:
            self._finish_reason = chunk.finish_reason
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.model:
            self._model = chunk.model
        if chunk.cost_usd is not None:
            self._cost_usd = chunk.cost_usd
        if chunk.from_cache:
            self._from_cache = True
        return chunk.text and self._text.feed(chunk.text), chunk.reasoning and self._reasoning.feed(chunk.reasoning)

    def rest(self) -> tuple[str, str]:
        """Return what `feed` still held back at the end of the stream: U+FFFD for half a character, else ""."""
        return self._text.rest(), self._reasoning.rest()

    def message(self) -> AssistantMessage:
        """Return the message as far as it has arrived."""
        calls = [call for index in sorted(self._calls) for call in self._calls[index]]
        return AssistantMessage(
            content=self._text.whole(),
            tool_calls=tuple(call.whole() for call in calls),
            reasoning=self._reasoning.whole() or None,
            provider_data=_mend_data(self._provider_data) if self._provider_data else None,
        )

    def completion(self) -> Completion:
        """Return the whole answer.

        Raises:
            StreamTruncated: no chunk had a finish reason.
        """
        message = self.message()
        if self._finish_reason is None:
            raise StreamTruncated(
                f"the stream ended without a finish reason after {len(message.text):,} characters; "
                "the answer is cut, its beginning is in .partial",
                partial=message,
            )
        return Completion(message, self._finish_reason, self._usage, self._cost_usd, self._model, self._from_cache)

    def _feed_call(self, fragment: ToolCallFragment) -> None:
        calls = self._calls.setdefault(fragment.index, [])
        if not calls or calls[-1].is_other_than(fragment):
            calls.append(_Call())
        calls[-1].feed(fragment)


class _Call:
    """One call of a tool as its fragments arrive."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []

    def is_other_than(self, fragment: ToolCallFragment) -> bool:
        # Some servers number every call 0 and tell them apart by id alone.
        return bool(self.id and fragment.id and fragment.name and fragment.id != self.id)

    def feed(self, fragment: ToolCallFragment) -> None:
        self.id = self.id or fragment.id
        self.name = self.name or fragment.name
        self.arguments.append(fragment.arguments)

    def whole(self) -> ToolCall:
        return _mend_call(ToolCall(self.id, self.name, "".join(self.arguments)))


class _MendedText:
    """Text as its fragments arrive; a first half of a character waits for its second."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._half = ""

    def feed(self, fragment: str) -> str:
        if fragment.isascii() and not self._half:
            self._parts.append(fragment)
            return fragment
        text = self._half + fragment
        self._half = ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            text = mend_text(text)
            self._parts.append(text)
        return text

    def rest(self) -> str:
        text, self._half = mend_text(self._half), ""
        self._parts.append(text)
        return text

    def whole(self) -> str:
        return "".join(self._parts) + mend_text(self._half)


def _mend_calls(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    mended = tuple(map(_mend_call, calls))
    return calls if all(map(is_, mended, calls)) else mended


def _mend_call(call: ToolCall) -> ToolCall:
    if call.id.isascii() and call.name.isascii() and call.arguments.isascii():
        return call
    id_, name, arguments = mend_text(call.id), mend_text(call.name), mend_text(call.arguments)
    if id_ is call.id and name is call.name and arguments is call.arguments:
        return call
    return ToolCall(id_, name, arguments)


def _mend_data(data: Any) -> Any:
    """Return data of a provider with its text mended; the same object if nothing was broken."""
    try:
        msgspec.json.encode(data, enc_hook=lambda value: None)
    except UnicodeEncodeError:
        return _mended_copy(data)
    except RecursionError as error:
        raise BadCompletion("the provider sent data that are nested too deeply to be kept") from error
    return data


def _mended_copy(data: Any) -> Any:
    if isinstance(data, str):
        return mend_text(data)
    if isinstance(data, Mapping):
        return {_mended_copy(name): _mended_copy(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_mended_copy(item) for item in data]
    return data
