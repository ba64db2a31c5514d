"""An exchange, written once for both colours: what is made of an answer while it comes.

Nothing here waits. Where more of the answer has to come first, `None` is yielded, and the transport that goes through
the exchange (`blocking.py`, `awaited.py`) waits for it. What goes wrong meanwhile it tells the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from llamabot.adapters.wire.call import Call
from llamabot.ports.completion import CompletionChunk
from llamabot.protocols.failures import Failure

__all__ = ["fragments", "whole"]

T = TypeVar("T")


def whole(
    call: Call, meaning: Callable[[], T], told: Callable[[Failure], Failure] = lambda failure: failure
) -> Generator[None, None, T]:
    """Return what an answer means when all of it has come; raises our error, as `told` has it."""
    answer = call.answer
    try:
        while not answer.has_head():
            yield
        call.begin()
        while (data := answer.taken()) != b"":
            if data is None:
                yield
            else:
                call.take(data)
        return meaning()
    except Exception as error:  # noqa: BLE001 - those that are no failure of the call are raised by it
        failure, data = told(call.failure(error)), None  # which may be the key, said once more
    raise failure.error from failure.cause


def fragments(call: Call) -> Generator[CompletionChunk | None, None, None]:
    """Yield the chunks of a stream as they come, None before what has to come first; raises our error."""
    answer, failure = call.answer, None
    try:
        while not answer.has_head():
            yield None
        call.begin()
        while not call.is_done and (data := answer.taken()) != b"":
            if data is None:
                yield None
            else:
                yield from call.chunks(data)
        call.check_stream()
    except Exception as error:  # noqa: BLE001 - as above
        failure, data = call.failure_of_stream(error), None
    if failure is not None:
        raise failure.error from failure.cause
    yield from call.rest()
