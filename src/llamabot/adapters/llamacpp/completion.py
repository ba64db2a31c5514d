"""A language model in this process: llama.cpp behind the completion ports."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from llamabot.adapters.llamacpp.answer import Answer
from llamabot.adapters.llamacpp.runtime import Event, Job, release, submit
from llamabot.adapters.llamacpp.server import Settings, require_vendor, usable_threads
from llamabot.adapters.llamacpp.wire import counting_question, tokens_counted
from llamabot.ports.closing import Closing
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.errors import CompletionTimeout

__all__ = ["EmbeddedCompletion"]

_PREFIX = "embedded/"
_LONGEST_COUNT_S = 600.0


class EmbeddedCompletion(Closing):
    """Answers with a model file, without any network.

    Serves both colours. Threads and event loops may share it: a model answers one request at a time, in the order of
    asking, and a request's time-out runs while it waits for its turn. The model is loaded at the first request, once
    for each file and setting in the process, and freed when all who used it are closed, as they are at the end of a
    `with` block. Its time costs nothing, so `cost_usd` is 0.

    Same request and `temperature=0`: same answer, whatever was asked before.

    Args:
        model: a GGUF file, or a function that finds one by the model's name without `embedded/`.
        threads: of the CPU; None is two, or one on a single core.
        context_tokens: room for prompt and answer together.
        answer_tokens: most tokens of an answer where the request does not say.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Callable[[str], Path],
        *,
        threads: int | None = None,
        context_tokens: int = 4096,
        answer_tokens: int = 1024,
    ) -> None:
        self._find = model if callable(model) else _always(Path(model))
        self._threads = threads
        self._context_tokens = context_tokens
        self._answer_tokens = answer_tokens

    def complete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        answer, settings = self._begin(request, whole=True)
        with closing(self._chunks(answer, settings)) as chunks:
            for _ in chunks:
                pass
        return answer.completion()

    def stream(self, request: CompletionRequest) -> Generator[CompletionChunk, None, None]:
        """Yield the answer as it is generated; closing stops the generation."""
        yield from self._chunks(*self._begin(request, whole=False))

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        answer, settings = self._begin(request, whole=True)
        async with aclosing(self._achunks(answer, settings)) as chunks:
            async for _ in chunks:
                pass
        return answer.completion()

    async def astream(self, request: CompletionRequest) -> AsyncGenerator[CompletionChunk, None]:
        """Yield the answer as it is generated; closing, or cancelling the task, stops the generation."""
        async with aclosing(self._achunks(*self._begin(request, whole=False))) as chunks:
            async for chunk in chunks:
                yield chunk

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say that answers are held to a schema, which the runtime does for every model, and that they cost nothing."""
        return ModelCapabilities(True, True, usd_per_prompt_token=0.0, usd_per_completion_token=0.0)

    def count_tokens(self, text: str, *, model: str = "") -> int:
        """Return how many tokens a text is to the model, in milliseconds, generating nothing.

        The marks of a chat around it are not counted. Loads the model if it is not loaded, waits for its turn.
        """
        events: SimpleQueue[Event] = SimpleQueue()
        body = counting_question(text, self._context_tokens)
        submit(self._settings(self._file(model)), self, Job("handle_completions", body, events.put))
        try:
            event = events.get(timeout=_LONGEST_COUNT_S)
        except Empty:
            raise CompletionTimeout(f"the model did not come to counting within {_LONGEST_COUNT_S:g} s") from None
        if isinstance(event, Exception):
            raise event
        return tokens_counted(event, self._context_tokens)

    def close(self) -> None:
        """Free the model if nobody else uses it. A later request loads it again."""
        release(self)

    def _begin(self, request: CompletionRequest, *, whole: bool) -> tuple[Answer, Settings]:
        path = self._file(request.model)
        name = request.model.removeprefix(_PREFIX) or path.stem
        return Answer(request, model=name, answer_tokens=self._answer_tokens, whole=whole), self._settings(path)

    def _file(self, model: str) -> Path:
        require_vendor()
        return self._find(model.removeprefix(_PREFIX)).absolute()

    def _settings(self, path: Path) -> Settings:
        return Settings(str(path), self._threads or usable_threads(), self._context_tokens)

    def _chunks(self, answer: Answer, settings: Settings) -> Generator[CompletionChunk, None, None]:
        events: SimpleQueue[Event] = SimpleQueue()
        job = Job("handle_chat_completions", answer.body, events.put)
        submit(settings, self, job)
        try:
            while not answer.ended:
                try:
                    event = events.get(timeout=answer.patience_s())
                except Empty:
                    raise answer.late() from None
                if chunk := answer.take(event):
                    yield chunk
        finally:
            job.stop()

    async def _achunks(self, answer: Answer, settings: Settings) -> AsyncGenerator[CompletionChunk, None]:
        events: asyncio.Queue[Event] = asyncio.Queue()
        job = Job("handle_chat_completions", answer.body, _into(events, asyncio.get_running_loop()))
        submit(settings, self, job)
        try:
            while not answer.ended:
                try:
                    # Not `wait_for`: before Python 3.12 it overlooks a cancellation that comes with an event.
                    async with asyncio.timeout(answer.patience_s()):
                        event = await events.get()
                except TimeoutError:
                    raise answer.late() from None
                if chunk := answer.take(event):
                    yield chunk
        finally:
            job.stop()


def _always(path: Path) -> Callable[[str], Path]:
    return lambda _: path


def _into(events: asyncio.Queue[Event], loop: asyncio.AbstractEventLoop) -> Callable[[Event], None]:
    def deliver(event: Event) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(events.put_nowait, event)

    return deliver
