"""The two colours of a call through LiteLLM: what each of them waits for.

What is done with it is written once, as coroutines (`exchange.py`). In a call that blocks nothing is left to be awaited
when they come to it, so `now` runs them to their end without an event loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from llamabot.adapters.litellm.deadline import Deadline
from llamabot.adapters.litellm.leaving import aclose_stream, close_stream, settled
from llamabot.adapters.litellm.loading import aload, load
from llamabot.adapters.litellm.loops import close_clients_with_loop
from llamabot.protocols.failures import Failure

__all__ = ["AWAITED", "BLOCKING", "Asking", "Colour", "now"]

T = TypeVar("T")


class Asking(Protocol):
    """A request on its way, as both colours need it.

    Attributes:
        function: of LiteLLM's that makes it, by its name in the colour that blocks.
        arguments: what that is called with, keys included; therefore no local variable of a frame that raises.
        deadline: of the whole answer, or of its beginning where it is a stream.
    """

    function: str
    arguments: dict[str, Any]
    deadline: Deadline

    def forbid(self) -> None:
        """Let no request be made any more."""

    def failure(self, error: BaseException) -> Failure:
        """Return our error for one that ended it; raises what is no error of its (Ctrl-C, a cancelled task)."""


class Colour(Protocol):
    """What one colour waits for."""

    async def loaded(self) -> Any:
        """Return LiteLLM."""

    async def asked(self, litellm: Any, asking: Asking) -> Any:
        """Make a request and return LiteLLM's answer, or its stream."""

    async def closed(self, stream: Any) -> None:
        """Close the connection behind a stream. Never raises."""


class _Blocking:
    async def loaded(self) -> Any:
        return load()

    async def asked(self, litellm: Any, asking: Asking) -> Any:
        return getattr(litellm, asking.function)(**asking.arguments)

    async def closed(self, stream: Any) -> None:
        close_stream(stream)


class _Awaited:
    async def loaded(self) -> Any:
        litellm = await aload()
        await close_clients_with_loop(litellm)
        return litellm

    async def asked(self, litellm: Any, asking: Asking) -> Any:
        work = getattr(litellm, f"a{asking.function}")(**asking.arguments)
        return await settled(work, forbid=asking.forbid)

    async def closed(self, stream: Any) -> None:
        await aclose_stream(stream)


BLOCKING, AWAITED = _Blocking(), _Awaited()


def now(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()
    raise RuntimeError("a call that blocks has waited")
