"""The process-wide provider of ports: what `configure` said, else the configured container's, else the defaults.

It keeps what it makes. No container is loaded that was not configured.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast

import msgspec

from llamabot.app.building import EMBEDDED_PREFIX, WIRE_PREFIX, Defaults, build_recorder
from llamabot.app.settings import Settings, current_model, current_record, current_settings, record_word
from llamabot.domain.arguments import check_kinds, refuse_unknown
from llamabot.domain.settings import BotSettings
from llamabot.ports.errors import ConfigurationError, UsageError
from llamabot.ports.provider import check_instruments, current_provider
from llamabot.ports.secrets import split_secrets

if TYPE_CHECKING:
    from llamabot.app.container import Container
    from llamabot.ports.clock import ClockPort
    from llamabot.ports.completion import AsyncCompletionPort, CompletionPort
    from llamabot.ports.embedding import EmbeddingPort
    from llamabot.ports.ids import IdPort
    from llamabot.ports.progress import ProgressPort
    from llamabot.ports.recorder import RecorderPort
    from llamabot.ports.splitter import SplitterPort
    from llamabot.ports.tools import ToolboxPort

__all__ = ["AppProvider", "Configuration", "aclose", "close", "configure", "recorder"]

T = TypeVar("T")
_NO_MODEL = (
    'no model is set. Pass model="…" to the bot, or call lmb.configure(model="…"), or set LLAMABOT_MODEL, or write '
    'model = "…" in llamabot.toml. Without any key or network: run `llamabot local install` and use '
    '"embedded/smollm2"'
)

_MAKERS = {
    "completion": (("complete", "acomplete"), "an adapter, for example lmb.LiteLLMCompletion(…)"),
    "container": (("completion",), "lmb.Container()"),
}


# What may be said by its name in the place of a port.
_NAMED: Mapping[str, tuple[type[Any], ...]] = {"embedding": (str,), "recorder": (str, PathLike)}


class Configuration(TypedDict, total=False):
    """What `configure` takes. None goes back to the default.

    Attributes:
        model: the default model.
        options: passed to the default adapter (`api_base`, `api_key`, …); keys are held as secrets.
        completion: the adapter for every bot that was not given one.
        embedding: an embedder, or the name of one: `embedded/…`, or any that LiteLLM knows.
        recorder: a recorder, a path, `"metadata"` or `"off"`.
        clock: tells the time.
        ids: names runs.
        container: makes all that is not named above.
    """

    model: str | None
    options: Mapping[str, Any] | None
    completion: CompletionPort | AsyncCompletionPort | None
    embedding: EmbeddingPort | str | None
    recorder: RecorderPort | str | PathLike[str] | None
    clock: ClockPort | None
    ids: IdPort | None
    container: Container | None


def configure(**changes: Unpack[Configuration]) -> None:
    """Set defaults for the whole process; what is not named stays as it was. Bots take them from their next call on."""
    _own_provider("configure").configure(**changes)


def _own_provider(asked: str) -> AppProvider:
    provider = current_provider()
    if not isinstance(provider, AppProvider):
        raise UsageError(f"{asked}() is about the defaults of llamabot's own provider; another one is in force")
    return provider


def close() -> None:
    """Close the connections, files and models of all ports that were made by default; never of one that was passed in.

    Bots can be used again afterwards: what they need is opened anew.
    """
    _own_provider("close").close()


async def aclose() -> None:
    """As `close`, awaited: the connections of the running event loop are closed before this returns."""
    await _own_provider("aclose").aclose()


def recorder() -> RecorderPort | None:
    """Return the recorder that runs go to by default, or None where recording is off."""
    return current_provider().recorder()


class AppProvider:
    """A `Provider`. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._configured: Configuration = {}
        self._made: dict[tuple[str, str | None], tuple[Any, Settings | None]] = {}

    def configure(self, **changes: Unpack[Configuration]) -> None:
        """Change the defaults. What was made under the old ones is not used again; the log in memory goes on."""
        refuse_unknown("configure()", changes, Configuration.__annotations__, BotSettings.__annotations__)
        check_kinds(changes)
        if isinstance(record := changes.get("recorder"), str):
            changes["recorder"] = record_word(record)
        check_instruments({n: p for n, p in changes.items() if not isinstance(p, _NAMED.get(n, ()))})
        _check_makers(changes)
        with self._lock:
            self._configured = cast("Configuration", {**self._configured, **changes})
            dropped = [key for key in self._made if _depends(key, changes)]
            ports = [self._made.pop(key)[0] for key in dropped]
        for port in ports:
            if hasattr(port, "flush"):
                port.flush()

    def close(self) -> None:
        """Close what was made here and not what was given; a port that is used again makes itself new connections."""
        for port in self._made_ports():
            if hasattr(port, "close"):
                port.close()

    async def aclose(self) -> None:
        """As `close`, for an event loop: its connections are closed in it, what blocks is closed in a thread."""
        for port in self._made_ports():
            if hasattr(port, "aclose"):
                await port.aclose()
            elif hasattr(port, "close"):
                await asyncio.to_thread(port.close)

    def _made_ports(self) -> list[Any]:
        with self._lock:
            return [port for port, _ in self._made.values()]

    def default_model(self) -> str | None:
        """Return the configured model, or the one that the settings name."""
        return self._configured.get("model") or current_model()

    def completion(self, model: str) -> CompletionPort | AsyncCompletionPort:
        """Return the configured adapter, or the container's for this model.

        Raises:
            ConfigurationError: there is neither.
        """
        configured = self._configured.get("completion")
        if configured is not None:
            return configured
        if not model:
            raise ConfigurationError(_NO_MODEL)
        settings = current_settings()
        embedded = model.startswith(EMBEDDED_PREFIX)
        one_for_all = not embedded and self._configured.get("container") is None
        direct = model.startswith(WIRE_PREFIX)
        return self._kept(
            "completion",
            ("wire" if direct else "litellm") if one_for_all else model,
            lambda: self._container().completion(model, settings=self._with_options(settings)),
            basis=None if embedded else settings,  # a model that is loaded does not depend on options
        )

    def recorder(self) -> RecorderPort | None:
        """Return the configured recorder, or the container's."""
        configured = self._configured.get("recorder")
        if configured is None:
            return self._kept("recorder", current_record(), lambda: self._container().recorder())
        if not isinstance(configured, str | PathLike):
            return configured
        record = fspath(configured)
        return self._kept("recorder", record, lambda: build_recorder(settings=Settings(record=record)))

    def embedding(self) -> EmbeddingPort:
        """Return the configured embedder, or the container's for the configured name, or for that of the settings."""
        configured = self._configured.get("embedding")
        if configured is not None and not isinstance(configured, str):
            return configured
        settings = current_settings()
        name = configured or settings.embedding
        named = msgspec.structs.replace(settings, embedding=name)
        return self._kept("embedding", name, lambda: self._container().embedding(settings=named))

    def splitter(self) -> SplitterPort:
        """Return the container's splitter."""
        made: SplitterPort = self._container().splitter()
        return made

    def clock(self) -> ClockPort:
        """Return the configured clock, or the container's."""
        return self._configured.get("clock") or self._kept("clock", None, lambda: self._container().clock())

    def ids(self) -> IdPort:
        """Return the configured maker of ids, or the container's."""
        return self._configured.get("ids") or self._kept("ids", None, lambda: self._container().ids())

    def toolbox(self, functions: Sequence[Callable[..., Any]]) -> ToolboxPort:
        """Return the toolbox that the container makes of plain functions."""
        made: ToolboxPort = self._container().toolbox(functions)
        return made

    def progress(self, wanted: bool | None) -> ProgressPort | None:
        """Return a bar; where it is not said, if a person looks on.

        Raises:
            MissingExtra: one is wanted, and rich is not installed.
        """
        if wanted is False:
            return None
        from llamabot.app.progress import is_watched, map_bar

        if wanted is None and not is_watched():
            return None
        return map_bar(wanted=wanted is True)

    def _with_options(self, settings: Settings) -> Settings:
        """Return the settings, with the options that were configured in their place."""
        options = self._configured.get("options")
        if options is None:
            return settings
        visible, secrets = split_secrets(options)
        return msgspec.structs.replace(settings, options=visible, secrets=secrets)

    def _container(self) -> Container | Defaults:
        """Return the configured container, else what makes the same as the default one without loading it."""
        return self._configured.get("container") or Defaults()

    def _kept(self, kind: str, name: str | None, make: Callable[[], T], basis: Settings | None = None) -> T:
        """Return what was made before under this name, from the same basis; else make it."""
        kept = self._made.get((kind, name))
        if kept is None or kept[1] is not basis:
            with self._lock:
                kept = self._made.get((kind, name))
                if kept is None or kept[1] is not basis:
                    kept = self._made[kind, name] = (make(), basis)
        made: T = kept[0]
        return made


def _check_makers(changes: Mapping[str, Any]) -> None:
    """Raise `ConfigurationError` for an adapter or a container that is none, or that is a class."""
    for name, (methods, wanted) in _MAKERS.items():
        port = changes.get(name)
        if isinstance(port, type):
            raise ConfigurationError(f"{name}={port.__name__} is a class; make an object of it: {port.__name__}(…)")
        if port is not None and not any(hasattr(port, method) for method in methods):
            raise ConfigurationError(f"{name}= is {wanted}, not {type(port).__name__}")


def _depends(key: tuple[str, str | None], changes: Mapping[str, Any]) -> bool:
    """Say whether what is kept under a key would be made otherwise after these changes."""
    kind, name = key
    if "container" in changes:
        return True
    return ("options" in changes and kind == "completion") or (
        "recorder" in changes and kind == "recorder" and name is not None
    )
