"""How requests and messages are written in the log, and read back: once, and as differences.

A request of a long run repeats the one before it. Its settings (all but the messages) are a blob; its messages are
"the first `keep` of the request at `base`, then these". A message that an earlier effect produced is a reference to
that effect; a long one is a blob. The writer and the reader live together here and are kept in step by
`tests/property/test_log.py`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.domain.logged import (
    LoggedCall,
    LoggedInput,
    LoggedMessage,
    LoggedRequest,
    LoggedResult,
    Produced,
    RunInput,
    Stored,
)
from llamabot.domain.messages import tool_message
from llamabot.domain.result import ValueNotKept
from llamabot.ports.assembly import mend_text
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.messages import AssistantMessage, Message, ToolMessage
from llamabot.ports.recorder import Blob, RunEvent, as_json
from llamabot.ports.tools import ToolCall, ToolResult

__all__ = ["LogReader", "LogWriter", "encoded"]

_INLINE_CHARACTERS = 1000
_REPR_CHARACTERS = 1000
_INPUT_PATH = "0"
_NOT_RECORDED = "[not recorded]"


class LogWriter:
    """Turns the values of one run into what the log keeps. Not shared by threads: starts are written in turn.

    Args:
        run_id: of the run.
        digests: of the blobs that its log has already.
    """

    def __init__(self, run_id: str, digests: Iterable[str] = ()) -> None:
        self._run_id = run_id
        self._digests = set(digests)
        self._produced: dict[int, tuple[Message, Produced]] = {}
        self._calls: dict[str, str] = {}
        self._answered: dict[str, tuple[ToolMessage, Produced]] = {}
        self._base: tuple[str, tuple[Message, ...]] | None = None

    def run_input(self, given: RunInput) -> tuple[LoggedInput, list[Blob]]:
        """Return what a call was given as the log keeps it; later messages refer to it as to the outcome of `0`."""
        blobs: list[Blob] = []
        messages = self._messages(given.messages, blobs)
        self.produced(_INPUT_PATH, given.messages)
        options = {name: _what_json_has(value) for name, value in given.options.items()} if given.options else {}
        return LoggedInput(messages, options, given.limits), blobs

    def request(self, path: str, request: CompletionRequest) -> tuple[LoggedRequest, list[Blob]]:
        """Return the difference to the request before, and the blobs that this run has not used yet."""
        blobs: list[Blob] = []
        settings = self._blob(msgspec.structs.replace(request, messages=()), blobs)
        base, keep = self._common(request.messages)
        added = self._messages(request.messages[keep:], blobs)
        self._base = (path, request.messages)
        return LoggedRequest(settings, added, base, keep), blobs

    def unsent(self, events: Iterable[RunEvent]) -> None:
        """Note that the blobs among these have not gone to the log, so that who needs one writes it."""
        self._digests.difference_update(event.digest for event in events if isinstance(event, Blob))

    def messages(self, messages: Sequence[Message]) -> tuple[tuple[LoggedMessage, ...], list[Blob]]:
        """Return messages as the log keeps them, and the blobs that this run has not used yet."""
        blobs: list[Blob] = []
        return self._messages(messages, blobs), blobs

    def produced(self, path: str, messages: Sequence[Message]) -> None:
        """Note that the effect at `path` gave these messages, so that later ones can refer to them."""
        for index, message in enumerate(messages):
            if isinstance(message, AssistantMessage):
                self._calls.update((call.id, call.arguments) for call in message.tool_calls)
            # The message is kept beside its id, so that the id is not given to another object.
            self._produced[id(message)] = (message, Produced(path, index))

    def call(self, call: ToolCall) -> LoggedCall:
        """Return a call as the log keeps it; its arguments stand in the completion that made it."""
        known = self._calls.get(call.id) == call.arguments
        return LoggedCall(call.id, call.name, None if known else call.arguments)

    def result(self, result: ToolResult) -> LoggedResult:
        """Return a tool's answer as the log keeps it."""
        value, value_repr = _kept(result.value)
        return LoggedResult(result.call_id, result.text, result.is_error, result.ends_run, value, value_repr)

    def answered(self, path: str, message: ToolMessage) -> None:
        """Note that the effect at `path` gave this answer, so that later messages equal to it can refer to it."""
        self._answered[message.call_id] = (message, Produced(path))

    def _common(self, messages: tuple[Message, ...]) -> tuple[str | None, int]:
        if self._base is None:
            return None, 0
        path, before = self._base
        keep = 0
        for old, new in zip(before, messages, strict=False):
            if old is not new and old != new:
                break
            keep += 1
        return (path, keep) if keep else (None, 0)

    def _messages(self, messages: Sequence[Message], blobs: list[Blob]) -> tuple[LoggedMessage, ...]:
        return tuple([self._message(message, blobs) for message in messages])

    def _message(self, message: Message, blobs: list[Blob]) -> LoggedMessage:
        known = self._produced.get(id(message))
        if known is not None:
            return known[1]
        if isinstance(message, ToolMessage):
            answered = self._answered.get(message.call_id)
            if answered is not None and answered[0] == message:
                return answered[1]
        if isinstance(message.content, str) and len(message.content) <= _INLINE_CHARACTERS:
            return message
        return Stored(self._blob(message, blobs))

    def _blob(self, value: Any, blobs: list[Blob]) -> str:
        data = encoded(value)
        digest = blake2b(data, digest_size=16).hexdigest()
        if digest not in self._digests:
            self._digests.add(digest)
            blobs.append(Blob(self._run_id, digest, data.decode()))
        return digest


class LogReader:
    """Turns what the log keeps of one run back into values; fed in the order of the log."""

    def __init__(self) -> None:
        self._blobs: dict[str, str] = {}
        self._produced: dict[str, tuple[Message, ...]] = {}
        self._requests: dict[str, tuple[Message, ...]] = {}

    def blob(self, blob: Blob) -> None:
        """Take in a blob."""
        self._blobs[blob.digest] = blob.data

    def run_input(self, data: Mapping[str, Any]) -> RunInput:
        """Return what the run was given."""
        logged = msgspec.convert(data, LoggedInput)
        messages = tuple(map(self._message, logged.messages))
        self._produced[_INPUT_PATH] = messages
        return RunInput(messages, logged.options, logged.limits)

    def request(self, path: str, data: Mapping[str, Any]) -> CompletionRequest:
        """Return the request that was logged at `path`."""
        logged = msgspec.convert(data, LoggedRequest)
        before = self._requests[logged.base][: logged.keep] if logged.base else ()
        messages = (*before, *map(self._message, logged.messages))
        self._requests[path] = messages
        settings = msgspec.json.decode(self._blobs[logged.settings], type=CompletionRequest)
        return msgspec.structs.replace(settings, messages=messages)

    def completion(self, path: str, data: Mapping[str, Any]) -> Completion:
        """Return the completion that was logged at `path`."""
        completion = msgspec.convert(data, Completion)
        self._produced[path] = (completion.message,)
        return completion

    def result(self, path: str, data: Mapping[str, Any]) -> ToolResult:
        """Return the tool's answer that was logged at `path`."""
        logged = msgspec.convert(data, LoggedResult)
        value = logged.value if logged.value_repr is None else ValueNotKept(logged.value_repr)
        result = ToolResult(logged.call_id, logged.text, logged.is_error, logged.ends_run, value)
        self._produced[path] = (tool_message(result),)
        return result

    def messages(self, data: Sequence[Any], *, produced_by: str | None = None) -> tuple[Message, ...]:
        """Return messages that were logged; `produced_by` is the path of the effect that gave them."""
        logged = msgspec.convert(data, tuple[LoggedMessage, ...])
        messages = tuple(map(self._message, logged))
        if produced_by is not None:
            self._produced[produced_by] = messages
        return messages

    def _message(self, logged: LoggedMessage) -> Message:
        if isinstance(logged, Produced):
            return self._produced[logged.path][logged.index]
        if isinstance(logged, Stored):
            message: Message = msgspec.json.decode(self._blobs[logged.digest], type=Message)
            return message
        return logged


_ENCODER = msgspec.json.Encoder(enc_hook=as_json)


def _kept(value: Any) -> tuple[Any, str | None]:
    """Return an object as JSON, or the beginning of its repr."""
    try:
        if hasattr(value, "model_dump_json"):
            return msgspec.json.decode(value.model_dump_json()), None
        return msgspec.json.decode(msgspec.json.encode(value)), None
    except Exception:  # noqa: BLE001 - the object is the user's own: whatever it does, the answer is not lost
        return None, _cut_repr(value)


def _cut_repr(value: Any) -> str:
    try:
        return mend_text(reprlib.repr(value) if isinstance(value, _CONTAINERS) else repr(value))[:_REPR_CHARACTERS]
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__qualname__}>"


_CONTAINERS = (str, bytes, bytearray, list, tuple, dict, set, frozenset)


def encoded(value: CompletionRequest | Message) -> bytes:
    """Return a request or a message as the JSON that the log keeps of it."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        # Options and messages are the user's own and may hold what JSON cannot: no answer is lost for that.
        return _ENCODER.encode(_what_can_be_told(value))


def _what_json_has(value: Any) -> Any:
    try:
        _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _NOT_RECORDED
    return value


def _what_can_be_told(value: CompletionRequest | Message) -> CompletionRequest | Message:
    if isinstance(value, CompletionRequest):
        return msgspec.structs.replace(value, options=dict.fromkeys(map(mend_text, value.options), _NOT_RECORDED))
    return type(value)(mend_text(value.text))
