"""The four ways to ask a completion port, so that a test can be about all of them, and what a failure looks like."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from llamabot.adapters.litellm.loading import loaded
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.errors import CompletionTimeout, LlamabotError
from llamabot.ports.messages import UserMessage

Way = Callable[[Any, CompletionRequest], Completion]


def close_clients() -> None:
    """Close the blocking clients that LiteLLM keeps: left to the garbage collector, their sockets are complained of."""
    if litellm := loaded():
        clients = litellm.in_memory_llm_clients_cache
        for client in list(clients.cache_dict.values()):
            if not inspect.iscoroutinefunction(getattr(client, "close", None)):
                client.close()
        clients.flush_cache()


def asking(text: str = "hi", *, model: str = "openai/scripted", **changes: Any) -> CompletionRequest:
    """Return a request."""
    return CompletionRequest(model, (UserMessage(text),), **{"timeout_s": 5.0, **changes})


async def afragments(port: Any, request: CompletionRequest) -> list[CompletionChunk]:
    """Return all chunks of a stream."""
    async with aclosing(port.astream(request)) as stream:
        return [chunk async for chunk in stream]


def whole(port: Any, request: CompletionRequest) -> Completion:
    completion: Completion = port.complete(request)
    return completion


def streamed(port: Any, request: CompletionRequest) -> Completion:
    return assemble(port.stream(request))


def awaited(port: Any, request: CompletionRequest) -> Completion:
    completion: Completion = asyncio.run(port.acomplete(request))
    return completion


def astreamed(port: Any, request: CompletionRequest) -> Completion:
    return assemble(asyncio.run(afragments(port, request)))


WHOLE: dict[str, Way] = {"complete": whole, "acomplete": awaited}
STREAMED: dict[str, Way] = {"stream": streamed, "astream": astreamed}
ALL = WHOLE | STREAMED


def in_ways(cases: Mapping[str, Any], *, like_others: Collection[str]) -> list[Any]:
    """Return each case with each way; those that take the path of another with one whole and one streamed way only."""
    assert set(like_others) <= set(cases)
    few = ("complete", "astream")
    return [
        pytest.param(case, ALL[way], id=f"{name}-{way}")
        for name, case in cases.items()
        for way in (few if name in like_others else ALL)
    ]


BOILERPLATE = ("litellm.", "OpenAIException", "Traceback", "docs.litellm", "Original exception", "\n", "MidStream")


def raised(way: Way, port: Any, **changes: Any) -> LlamabotError:
    """Return the error that a request ends with."""
    with pytest.raises(LlamabotError) as caught:
        way(port, asking(**{"timeout_s": 20.0, **changes}))
    return caught.value


def patience_s(expected: type[LlamabotError]) -> float:
    """Return how long to wait: shortly where nothing is to come, else as long as a busy machine may take."""
    return 0.4 if expected is CompletionTimeout else 20.0


def check_is_presentable(error: LlamabotError, model: str = "openai/scripted") -> None:
    """Whether an error is one readable line and survives pickling."""
    assert str(error).startswith(f"{model}: ")
    assert not [scrap for scrap in BOILERPLATE if scrap in str(error)]
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - it is the test's own pickle
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def shown_by(error: BaseException, *, with_locals: bool = True) -> str:
    """Return all that an error shows of itself and of those behind it."""
    shown = ["".join(traceback.format_exception(error)), pickle.dumps(error).decode("latin-1")]
    behind: BaseException | None = error
    while behind is not None:
        shown += [str(behind), repr(behind), repr(behind.args), repr(vars(behind))]
        shown += locals_in(behind) if with_locals else ()
        behind = behind.__cause__ or behind.__context__
    return "\n".join(shown)


def locals_in(error: BaseException) -> Iterator[str]:
    """Yield what a traceback with its local variables shows, those of the tests aside, which know the key."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if f"{os.sep}tests{os.sep}" not in frame.f_code.co_filename:
            yield f"{frame.f_code.co_qualname}: {list(frame.f_locals.values())}"
