"""How requests and messages are written in the log, and read back: once, and as differences.

A request of a long run repeats the one before it. Its settings (all but the messages) are a blob; its messages are
"the first `keep` of the request at `base`, then these". A message that an earlier effect produced is a reference to
that effect; a long one is a blob. The writer and the reader live together here and are kept in step by
`tests/property/test_log.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from operator import eq, is_
from typing import Any

import msgspec

from llamabot.domain.encoding import digest_of, encoded, kept, what_json_has
from llamabot.domain.logged import (
    LoggedCall,
    LoggedInput,
    LoggedMatch,
    LoggedMessage,
    LoggedRequest,
    LoggedResult,
    LoggedRetrieval,
    LoggedSearch,
    Produced,
    Quoted,
    Quoting,
    RunInput,
    Stored,
)
from llamabot.domain.messages import tool_message
from llamabot.domain.quotations import quoted, quoted_place
from llamabot.domain.result import ValueNotKept
from llamabot.domain.retrieval import Retrieval
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.documents import Match, Metadata, Passage
from llamabot.ports.learning import learn
from llamabot.ports.messages import AssistantMessage, Message, ToolMessage, UserMessage
from llamabot.ports.recorder import Blob, RunEvent
from llamabot.ports.tools import ToolCall, ToolResult

__all__ = ["LogReader", "LogWriter"]

_INLINE_CHARACTERS = 1000
_WORTH_A_REFERENCE = 20
_INPUT_PATH = "0"

# All that is read here and in `trace`, in whatever threads go on with runs.
learn(
    LoggedInput, LoggedRequest, CompletionRequest, Completion, LoggedCall, LoggedResult, LoggedSearch, LoggedRetrieval
)
learn(LoggedMessage, Message, Passage)


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
        self._quotable: list[tuple[str, str | Quoted | Produced]] = []
        self._given: tuple[Message, ...] = ()
        self._base: tuple[str, tuple[Message, ...]] | None = None
        self._settings: tuple[tuple[Any, ...], str] = ((), "")

    def run_input(self, given: RunInput) -> tuple[LoggedInput, list[Blob]]:
        """Return what a call was given as the log keeps it; later messages refer to it as to the outcome of `0`."""
        blobs: list[Blob] = []
        messages = self._messages(given.messages, blobs)
        self.produced(_INPUT_PATH, given.messages)
        self._given = given.messages
        options = {name: what_json_has(value) for name, value in given.options.items()} if given.options else {}
        return LoggedInput(messages, options, given.limits, given.settings), blobs

    def request(self, path: str, request: CompletionRequest) -> tuple[LoggedRequest, list[Blob]]:
        """Return the difference to the request before, and the blobs that this run has not used yet."""
        blobs: list[Blob] = []
        settings = self._settings_of(request, blobs)
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
        value, value_repr = kept(result.value)
        return LoggedResult(result.call_id, result.text, result.is_error, result.ends_run, value, value_repr)

    def answered(self, path: str, message: ToolMessage) -> None:
        """Note that the effect at `path` gave this answer, so that later messages equal to it can refer to it."""
        self._answered[message.call_id] = (message, Produced(path))

    def search(self, query: str, k: int, where: Metadata | None) -> tuple[LoggedSearch, list[Blob]]:
        """Return a search as the log keeps it, and the blobs that this run has not used yet."""
        blobs: list[Blob] = []
        return LoggedSearch(self._message(UserMessage(query), blobs), k, where), blobs

    def retrieval(self, found: Retrieval) -> tuple[LoggedRetrieval, list[Blob]]:
        """Return what a search gave as the log keeps it: each passage once, however many runs find it."""
        blobs: list[Blob] = []
        matches = [
            LoggedMatch(self._blob(match.passage, blobs), match.score, tokens)
            for match, tokens in zip(found.matches, found.tokens, strict=True)
        ]
        return LoggedRetrieval(tuple(matches), found.relevant_score), blobs

    def retrieved(self, found: Retrieval) -> None:
        """Note that these passages are in the log, so that messages which quote them can refer to them."""
        for match in found.matches:
            digest = digest_of(encoded(match.passage))
            if digest in self._digests:
                place = quoted_place(match.passage)
                self._quotable += [(place, place), (quoted(match.passage.text), Quoted(digest))]

    def _settings_of(self, request: CompletionRequest, blobs: list[Blob]) -> str:
        """Return the digest of all of a request but its messages; most are those of the request before.

        Options are the user's own and may have changed meanwhile, so with any it is looked at anew.
        """
        model, _, *others = msgspec.structs.astuple(request)
        parts = (model, *others)
        before, digest = self._settings
        if request.options or not before or not all(map(is_, parts, before)):
            digest = self._blob(msgspec.structs.replace(request, messages=()), blobs)
            self._settings = parts, digest
        return digest

    def _common(self, messages: tuple[Message, ...]) -> tuple[str | None, int]:
        if self._base is None:
            return None, 0
        path, before = self._base
        if messages[: len(before)] == before:
            return path, len(before)
        keep = sum(takewhile(bool, map(eq, before, messages)))
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
        quoting = self._quoting(message) if self._quotable else None
        if quoting is not None:
            return quoting
        if isinstance(message.content, str) and len(message.content) <= _INLINE_CHARACTERS:
            return message
        return Stored(self._blob(message, blobs))

    def _quoting(self, message: Message) -> Quoting | None:
        """Return a message as its parts, None if it quotes no passage.

        What one document or the user has said is a part of its own, so that hiding a credential in it hides no more.
        """
        if not isinstance(message, UserMessage) or not isinstance(message.content, str):
            return None
        parts: list[str | Quoted | Produced] = []
        rest = message.content
        for text, reference in (*self._quotable, *self._said()):
            before, found, after = rest.partition(text) if text else (rest, "", "")
            if found:
                parts += [before, reference]
                rest = after
        is_quoting = any(isinstance(part, Quoted) for part in parts)
        return Quoting(tuple(part for part in (*parts, rest) if part != "")) if is_quoting else None

    def _said(self) -> Iterator[tuple[str, Produced]]:
        """Yield what the user has said in this call, with a reference to it."""
        for index, message in enumerate(self._given):
            if isinstance(message.content, str) and len(message.content) >= _WORTH_A_REFERENCE:
                yield message.content, Produced(_INPUT_PATH, index)

    def _blob(self, value: Any, blobs: list[Blob]) -> str:
        data = encoded(value)
        digest = digest_of(data)
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
        return RunInput(messages, logged.options, logged.limits, logged.settings)

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

    def search(self, data: Mapping[str, Any]) -> tuple[str, int, Metadata | None]:
        """Return a search that was logged: what was looked for, how many matches, in which documents."""
        logged = msgspec.convert(data, LoggedSearch)
        return self._message(logged.query).text, logged.k, logged.where

    def retrieval(self, data: Mapping[str, Any]) -> Retrieval:
        """Return what a search gave."""
        logged = msgspec.convert(data, LoggedRetrieval)
        matches = tuple(Match(self._passage(match.passage), match.score) for match in logged.matches)
        return Retrieval(matches, tuple(match.tokens for match in logged.matches), logged.relevant_score)

    def _part(self, part: str | Quoted | Produced) -> str:
        if isinstance(part, Quoted):
            return quoted(self._passage(part.digest).text)
        return part if isinstance(part, str) else self._message(part).text

    def _passage(self, digest: str) -> Passage:
        return msgspec.json.decode(self._blobs[digest], type=Passage)

    def _message(self, logged: LoggedMessage) -> Message:
        if isinstance(logged, Quoting):
            return UserMessage("".join(map(self._part, logged.parts)))
        if isinstance(logged, Produced):
            return self._produced[logged.path][logged.index]
        if isinstance(logged, Stored):
            message: Message = msgspec.json.decode(self._blobs[logged.digest], type=Message)
            return message
        return logged
