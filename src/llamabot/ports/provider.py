"""The provider: where a port comes from when a bot was not given one.

One process-wide provider, set by `llamabot/__init__` as a lazy factory so that neither wing of the house imports
`app`; and overrides, which belong to a context and beat everything, because that is what they are for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from llamabot.ports.errors import ConfigurationError, UnknownArgument

if TYPE_CHECKING:
    from llamabot.ports.clock import ClockPort
    from llamabot.ports.completion import AsyncCompletionPort, CompletionPort
    from llamabot.ports.embedding import EmbeddingPort
    from llamabot.ports.ids import IdPort
    from llamabot.ports.progress import ProgressPort
    from llamabot.ports.recorder import RecorderPort
    from llamabot.ports.splitter import SplitterPort
    from llamabot.ports.tools import ToolboxPort

__all__ = [
    "Provider",
    "check_instruments",
    "current_embedding",
    "current_provider",
    "override",
    "override_everywhere",
    "overrides",
    "set_provider_factory",
]

PORT_NAMES = ("clock", "completion", "docstore", "embedding", "ids", "memory", "recorder")
_INSTRUMENTS = {
    "clock": ("asleep", "a clock: an object with now_ns, monotonic_ns, sleep and asleep"),
    "embedding": ("embed", 'an embedder, for example lmb.LiteLLMEmbedding("openai/text-embedding-3-small")'),
    "ids": ("new_id", "a maker of ids"),
    "recorder": ("append", 'a recorder, for example lmb.SqliteRecorder("runs.db")'),
}


class Provider(Protocol):
    """Makes the ports that bots were not given. Safe to share by threads; what it makes, it keeps."""

    def completion(self, model: str) -> CompletionPort | AsyncCompletionPort:
        """Return the adapter for a model's name, "" if none is set anywhere."""

    def recorder(self) -> RecorderPort | None:
        """Return the recorder, or None where recording is off."""

    def embedding(self) -> EmbeddingPort:
        """Return the embedder."""

    def splitter(self) -> SplitterPort:
        """Return the splitter of document stores."""

    def clock(self) -> ClockPort:
        """Return the clock."""

    def ids(self) -> IdPort:
        """Return the maker of ids."""

    def toolbox(self, functions: Sequence[Callable[..., Any]]) -> ToolboxPort:
        """Return a toolbox of plain functions; it keeps nothing but them."""

    def default_model(self) -> str | None:
        """Return the model that was configured, or None."""

    def progress(self, wanted: bool | None) -> ProgressPort | None:
        """Return what shows people how far a map is, or None for nothing.

        Args:
            wanted: None for where a person looks on.
        """


_lock = threading.Lock()
_factory: Callable[[], Provider] | None = None
_provider: Provider | None = None
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_overrides: ContextVar[Mapping[str, Any]] = ContextVar("llamabot_overrides")
_everywhere: Mapping[str, Any] = _NOTHING


def set_provider_factory(factory: Callable[[], Provider]) -> None:
    """Say how the process-wide provider is made, the first time that one is needed."""
    global _factory, _provider
    with _lock:
        _factory, _provider = factory, None


def current_provider() -> Provider:
    """Return the process-wide provider, made at the first call."""
    global _provider
    if _provider is None:
        with _lock:
            if _factory is None:
                raise ConfigurationError("no provider of ports is set; import llamabot, or pass the ports to the bot")
            if _provider is None:
                _provider = _factory()
    return _provider


def check_instruments(ports: Mapping[str, Any]) -> None:
    """Refuse what is no port: a path in the place of a recorder would lose the log without a word.

    Raises:
        ConfigurationError: a clock, an embedder, a maker of ids or a recorder lacks its method, or is a class.
    """
    for name, (method, wanted) in _INSTRUMENTS.items():
        port = ports.get(name)
        if isinstance(port, type):
            raise ConfigurationError(f"{name}={port.__name__} is a class; make an object of it: {port.__name__}(…)")
        if port is not None and not hasattr(port, method):
            raise ConfigurationError(f"{name}= is {wanted}, not {type(port).__name__}")


def current_embedding(given: EmbeddingPort | None = None) -> EmbeddingPort:
    """Return the embedder in force: an override, else the one that is given, else the provider's."""
    replaced: EmbeddingPort | None = overrides().get("embedding")
    embedding = given if replaced is None else replaced
    return current_provider().embedding() if embedding is None else embedding


def overrides() -> Mapping[str, Any]:
    """Return the ports that are replaced in this context, by name."""
    return _overrides.get(_everywhere)


@contextmanager
def override(**ports: Any) -> Iterator[None]:
    """Replace ports for every bot in this context and in the threads and tasks that start in it.

    Beats what a bot was given and what is configured. Blocks nest; the inner wins.

    Args:
        ports: `completion`, `recorder` (None is off), `memory`, `docstore`, `embedding`, `clock`, `ids`.

    Raises:
        TypeError: there is no port of that name.
        ConfigurationError: what is given is no port.
    """
    for name in ports:
        if name not in PORT_NAMES:
            settings = "; a model is set with lmb.configure(model=…) or bot.with_(model=…)" if name == "model" else ""
            raise UnknownArgument(f"override() has no argument {name!r}; there are {', '.join(PORT_NAMES)}{settings}")
    check_instruments(ports)
    token = _overrides.set({**overrides(), **ports})
    try:
        yield
    finally:
        _overrides.reset(token)


@contextmanager
def override_everywhere(**ports: Any) -> Iterator[None]:
    """Replace ports in the whole process, where no `override` is in force: for tools that run other people's tests.

    Args:
        ports: as in `override`; and `observer`, a recorder that is given every event beside the recorder in force.
    """
    global _everywhere
    before, _everywhere = _everywhere, {**_everywhere, **ports}
    try:
        yield
    finally:
        _everywhere = before
