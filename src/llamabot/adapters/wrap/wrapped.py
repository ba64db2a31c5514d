"""What the decorators of a port share: its methods in both colours, as far as the port has them, from one body.

Each method is a shell of a line around `_steps`.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from types import MethodType
from typing import Any, ClassVar, Self, TypeVar, cast

from llamabot.adapters.wrap.driving import adrive, adrive_stream, drive, drive_stream
from llamabot.adapters.wrap.steps import Steps
from llamabot.ports.clock import ClockPort
from llamabot.ports.closing import AsyncClosing, Closing
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.effect_context import EffectContext
from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.provider import current_provider, overrides
from llamabot.ports.secrets import Secrets

__all__ = ["Wrapped", "capabilities_of", "identity_of"]

F = TypeVar("F", bound=Callable[..., Any])


class _OfThePort:
    """A method that a decorator has if the port inside has it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self.function
        name = self.function.__name__
        if not instance._offers(name):  # noqa: SLF001 - this is a part of that class
            raise AttributeError(name)
        return MethodType(self.function, instance)


def _of_the_port(function: F) -> F:
    return cast(F, _OfThePort(function))


class Wrapped(Closing, AsyncClosing):
    """A port with something around it. Safe to share by threads and event loops if the port is.

    It has the methods and colours of the port; what it does not know (`close`, …) it passes through. It can be pickled
    if the port can, and shows no secret that the port does not.
    """

    wraps: ClassVar[tuple[str, ...]] = ("complete", "embed")
    """The methods by which the ports are known that this can be put around."""

    def __init__(self, port: Any, clock: ClockPort | None = None) -> None:
        _check_port(type(self).__name__, port, self.wraps)
        self._port = port
        self._clock = clock

    def _steps(self, given: Any) -> Steps:
        """Return the body: how one request, or the texts to embed, are dealt with."""
        raise NotImplementedError

    @_of_the_port
    def complete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        return cast(Completion, drive(self._steps(request), "complete"))

    @_of_the_port
    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        return cast(Completion, await adrive(self._steps(request), "complete"))

    @_of_the_port
    def stream(self, request: CompletionRequest) -> Generator[CompletionChunk, None, None]:
        """Yield the answer in fragments; closing the generator stops the provider."""
        return drive_stream(self._steps(request))

    @_of_the_port
    def astream(self, request: CompletionRequest) -> AsyncGenerator[CompletionChunk, None]:
        """Yield the answer in fragments; closing the generator stops the provider."""
        return adrive_stream(self._steps(request))

    @_of_the_port
    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        return cast("Vectors", drive(self._steps(texts), "embed"))

    @_of_the_port
    async def aembed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        return cast("Vectors", await adrive(self._steps(texts), "embed"))

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what the port knows of a model."""
        return capabilities_of(self._port, model)

    @_of_the_port
    def with_secrets(self, secrets: Secrets) -> Self:
        """Return a copy whose port authorises its requests with these secrets; it shares all that this one keeps."""
        other = copy.copy(self)
        vars(other)["_port"] = self._port.with_secrets(secrets)
        return other

    @property
    def name(self) -> str:
        """Of the embedder inside."""
        return cast(str, self._port.name)

    @property
    def dimensions(self) -> int:
        """Of the embedder inside."""
        return cast(int, self._port.dimensions)

    @property
    def identity(self) -> str:
        """Of the port inside, for caches."""
        return identity_of(self._port)

    def _offers(self, name: str) -> bool:
        return hasattr(self._port, name)

    def _clock_for(self, context: EffectContext | None) -> ClockPort:
        """Return the clock that was given, else the run's, else the one in force."""
        if self._clock is not None:
            return self._clock
        if context is not None:
            return context.clock
        replaced: ClockPort | None = overrides().get("clock")
        return current_provider().clock() if replaced is None else replaced

    def __getattr__(self, name: str) -> Any:
        # A copy that is being unpickled has no `_port` yet, and must not look for it here. What this class has itself
        # is not to be had if it comes to this: some port lacks it.
        if name.startswith("_") or hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} of these ports has no {name!r}", name=name, obj=self)
        return getattr(self._port, name)

    def close(self) -> None:
        """Close the port, and where this keeps what it keeps, if they can be closed; used again, they open again."""
        for part in self._parts():
            if hasattr(part, "close"):
                part.close()

    async def aclose(self) -> None:
        """As `close`, for an event loop."""
        for part in self._parts():
            if hasattr(part, "aclose"):
                await part.aclose()
            elif hasattr(part, "close"):
                await asyncio.to_thread(part.close)

    def _parts(self) -> list[Any]:
        """Return what is closed with this."""
        return [self._port]


def _check_port(decorator: str, port: Any, wraps: Sequence[str]) -> None:
    """Raise `ConfigurationError` for what is no port, or one that this decorator makes no sense of."""
    if isinstance(port, type):
        raise ConfigurationError(f"{decorator}({port.__name__}): make an object of the class first: {port.__name__}(…)")
    if any(hasattr(port, name) or hasattr(port, f"a{name}") for name in wraps):
        return
    kinds = " or ".join({"complete": "a completion port", "embed": "an embedder"}[name] for name in wraps)
    raise ConfigurationError(f"{decorator}(…) is put around {kinds}, not around {type(port).__name__}")


def identity_of(port: Any) -> str:
    """Return what a port says of itself, else the name of its class. Nothing secret is in it."""
    said = getattr(port, "identity", None)
    return said if isinstance(said, str) else f"{type(port).__module__}.{type(port).__qualname__}"


def capabilities_of(port: Any, model: str) -> ModelCapabilities:
    """Return what a port knows of a model: nothing, if it says nothing."""
    known: ModelCapabilities = port.capabilities(model) if hasattr(port, "capabilities") else ModelCapabilities()
    return known
