"""Models made of a script or a function: deterministic, offline, in both colours, whole and streamed.

A step says what one request gets. It is text, a message, a whole `Completion`, an error to raise, a list of chunks (and
maybe an error among them) that is streamed as it stands, or a function of the request that returns one of these.
"""

from __future__ import annotations

import copy
import re
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from llamabot.ports.assembly import Assembler, mend_completion
from llamabot.ports.completion import (
    Completion,
    CompletionChunk,
    CompletionRequest,
    FinishReason,
    ModelCapabilities,
    ToolCallFragment,
    Usage,
)
from llamabot.ports.errors import CompletionError, UsageError
from llamabot.ports.messages import AssistantMessage

__all__ = ["FunctionCompletion", "Reply", "ScriptedCompletion"]

Reply: TypeAlias = str | AssistantMessage | Completion | Exception | Sequence[CompletionChunk | Exception]
Step: TypeAlias = Reply | Callable[[CompletionRequest], Reply]

_WORDS = re.compile(r"\S+\s*|\s+")


class _Fake:
    """Serves replies in every form that a completion port has.

    Attributes:
        requests: every request so far, oldest first.
    """

    def __init__(self, capabilities: ModelCapabilities) -> None:
        self._capabilities = capabilities
        self._requests: list[CompletionRequest] = []

    @property
    def requests(self) -> tuple[CompletionRequest, ...]:
        """Every request so far, oldest first."""
        return tuple(self._requests)

    def complete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        reply = self._reply(request)
        return _assembled(reply) if _is_stream(reply) else _completion(reply, request)

    def stream(self, request: CompletionRequest) -> Generator[CompletionChunk, None, None]:
        """Yield the answer word by word, or in the chunks that the step gives."""
        reply = self._reply(request)
        if _is_stream(reply):
            yield from _checked(reply)
        else:
            yield from _fragments(_completion(reply, request))

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        return self.complete(request)

    async def astream(self, request: CompletionRequest) -> AsyncGenerator[CompletionChunk, None]:
        """Yield the answer word by word, or in the chunks that the step gives."""
        for chunk in self.stream(request):
            yield chunk

    def capabilities(self, model: str) -> ModelCapabilities:
        """Return what the fake was made with: by default it takes an output schema."""
        return self._capabilities

    def _reply(self, request: CompletionRequest) -> Reply:
        self._requests.append(request)
        step = self._step(request)
        return step(request) if callable(step) else step

    def _step(self, request: CompletionRequest) -> Step:
        raise NotImplementedError


_TAKES_SCHEMA = ModelCapabilities(output_schema=True)


class ScriptedCompletion(_Fake):
    """Answers the requests with the steps of a script, in order, and refuses what goes beyond it.

    Safe to share by threads; then the order of the requests is theirs.
    """

    def __init__(self, script: Iterable[Step] = (), *, capabilities: ModelCapabilities = _TAKES_SCHEMA) -> None:
        super().__init__(capabilities)
        if isinstance(script, str) or not isinstance(script, Iterable):
            raise UsageError(f"a script is a list of steps: ScriptedCompletion([{script!r:.40}])")
        self._steps: deque[Step] = deque(script)
        self._length = len(self._steps)
        self._lock = threading.Lock()

    @property
    def left_over(self) -> tuple[Step, ...]:
        """The steps that no request has used."""
        return tuple(self._steps)

    def assert_finished(self) -> None:
        """Raise AssertionError, naming the steps, if any is left over."""
        if self._steps:
            raise AssertionError(f"{len(self._steps)} of {self._length} steps were not used: {list(self._steps)!r}")

    def _step(self, request: CompletionRequest) -> Step:
        with self._lock:
            if self._steps:
                return self._steps.popleft()
        asked = request.messages[-1].text if request.messages else ""
        raise UsageError(
            f"the script has {self._length} steps and this is request {len(self._requests)}: {asked[:200]!r}. "
            "Add a step, or find out why the bot asks once more"
        )


class FunctionCompletion(_Fake):
    """Answers every request with what a function makes of it."""

    def __init__(
        self, function: Callable[[CompletionRequest], Reply], *, capabilities: ModelCapabilities = _TAKES_SCHEMA
    ) -> None:
        super().__init__(capabilities)
        self._function = function

    def _step(self, request: CompletionRequest) -> Step:
        return self._function


def _is_stream(reply: Reply) -> bool:
    return isinstance(reply, Sequence) and not isinstance(reply, str)


def _completion(reply: Any, request: CompletionRequest) -> Completion:
    if isinstance(reply, Exception):
        # A copy, because a bot writes its run into an error: the step may be raised again.
        raise copy.copy(reply)
    if isinstance(reply, Completion):
        return mend_completion(_as_text(reply))
    if isinstance(reply, str):
        reply = AssistantMessage(reply)
    if not isinstance(reply, AssistantMessage):
        raise UsageError(
            f"a step is text, a message, a Completion, an error or a list of chunks, not {type(reply).__name__}"
        )
    finish = FinishReason.TOOL_CALLS if reply.tool_calls else FinishReason.STOP
    completion = Completion(reply, finish, _counted(request, reply), None, request.model or None)
    return mend_completion(_as_text(completion))


def _as_text(completion: Completion) -> Completion:
    """Return an answer whose content is text, since a stream of it could be nothing else."""
    message = completion.message
    if isinstance(message.content, str):
        return completion
    return msgspec.structs.replace(completion, message=msgspec.structs.replace(message, content=message.text))


def _counted(request: CompletionRequest, message: AssistantMessage) -> Usage:
    """Count words, so that the numbers in a test can be checked by eye."""
    asked = sum(len(sent.text.split()) for sent in request.messages)
    return Usage(prompt_tokens=asked, completion_tokens=len(message.text.split()))


def _fragments(completion: Completion) -> Iterator[CompletionChunk]:
    message = completion.message
    if message.reasoning:
        yield from (CompletionChunk(reasoning=word) for word in _WORDS.findall(message.reasoning))
    yield from (CompletionChunk(text=word) for word in _WORDS.findall(message.text))
    for index, call in enumerate(message.tool_calls):
        yield CompletionChunk(tool_calls=(ToolCallFragment(index, call.id, call.name),))
        yield CompletionChunk(tool_calls=(ToolCallFragment(index, arguments=call.arguments),))
    yield CompletionChunk(
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        model=completion.model,
        provider_data=message.provider_data,
    )


def _assembled(reply: Any) -> Completion:
    assembler = Assembler()
    for chunk in _checked(reply, assembler):
        del chunk
    return assembler.completion()


def _checked(reply: Any, assembler: Assembler | None = None) -> Iterator[CompletionChunk]:
    """Yield the chunks, raise the errors among them, and raise `StreamTruncated` if no finish reason came."""
    assembler = assembler or Assembler()
    for number, chunk in enumerate(reply):
        if isinstance(chunk, Exception):
            error = copy.copy(chunk)
            if number and isinstance(error, CompletionError) and error.partial is None:
                error.partial = assembler.message()
            raise error
        assembler.feed(chunk)
        yield chunk
    assembler.completion()
