"""Which ports a call uses: an override, what the call or the bot was given, else the process-wide provider's."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from llamabot.domain.observed import Observed
from llamabot.domain.toolset import Toolset
from llamabot.domain.world import AnyCompletion, AnyDocStore, AnyMemory, World
from llamabot.ports.clock import ClockPort
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.ids import IdPort
from llamabot.ports.provider import current_provider, overrides
from llamabot.ports.recorder import RecorderPort
from llamabot.ports.secrets import Secrets

__all__ = ["Colour", "check_colours", "check_docstore", "resolve_instruments", "resolve_world"]


class Colour(StrEnum):
    """Whether a shell blocks or awaits: the method that its completion port must have."""

    SYNC = "complete"
    ASYNC = "acomplete"


def check_colours(colour: Colour, completion: AnyCompletion | None, memory: AnyMemory | None) -> None:
    """Refuse a port that lacks the methods of this colour.

    Raises:
        ConfigurationError: it has only those of the other.
    """
    for name, port in (("completion", completion), ("memory", memory)):
        if isinstance(port, type):
            raise ConfigurationError(f"{name}={port.__name__} is a class; make an object of it: {port.__name__}(…)")
    if completion is not None and not hasattr(completion, colour):
        if not any(hasattr(completion, one) for one in Colour):
            raise ConfigurationError(
                f"completion= is an adapter, for example lmb.LiteLLMCompletion(…), not {type(completion).__name__}; "
                "a model is named with model="
            )
        other = "an async" if colour is Colour.SYNC else "a sync"
        raise ConfigurationError(
            f"completion={type(completion).__name__} has no {colour}(): it serves {other} bot; "
            f"use the {'Async' if colour is Colour.SYNC else 'sync'} class of this bot, or another adapter"
        )
    if memory is not None and not _serves(colour, memory):
        raise ConfigurationError(
            f"memory={type(memory).__name__} cannot serve this bot: a memory has recall() and remember(), "
            "or arecall() and aremember() for async bots"
        )


def check_docstore(colour: Colour, docstore: AnyDocStore | None) -> None:
    """Refuse what is no document store, or one that lacks the methods of this colour.

    Raises:
        ConfigurationError: it does.
    """
    if isinstance(docstore, type):
        raise ConfigurationError(f"docstore={docstore.__name__} is a class; make an object of it")
    if docstore is None or hasattr(docstore, "search"):
        return
    if not hasattr(docstore, "asearch"):
        raise ConfigurationError(
            f'docstore= is a document store, for example lmb.FaissDocStore("store/"), not {type(docstore).__name__}'
        )
    if colour is Colour.SYNC:
        raise ConfigurationError(
            f"docstore={type(docstore).__name__} has no search(): it serves an async bot; use the Async class of this "
            "bot, or another store"
        )


def resolve_world(
    colour: Colour,
    settings: Mapping[str, Any],
    memory: AnyMemory | None,
    secrets: Secrets,
    toolset: Toolset | None = None,
    docstore: AnyDocStore | None = None,
) -> tuple[World, str]:
    """Return the ports of a call, and its model's name, "" where an injected adapter is left to choose.

    Raises:
        ConfigurationError: no model is set anywhere, or a port has the wrong colour.
    """
    replaced = overrides()
    completion: Any = settings.get("completion")
    model = settings.get("model") or current_provider().default_model() or ""
    if replaced:
        memory = replaced.get("memory", memory)
        completion = _first(replaced.get("completion"), completion)
    if completion is None:
        completion = current_provider().completion(model)
    if memory is not None or completion is not settings.get("completion"):  # that one was looked at with the settings
        check_colours(colour, completion, memory)
    if secrets and hasattr(completion, "with_secrets"):
        completion = completion.with_secrets(secrets)
    return World(completion, memory, *resolve_instruments(settings), toolset, docstore), model


def resolve_instruments(settings: Mapping[str, Any]) -> tuple[RecorderPort | None, ClockPort, IdPort]:
    """Return what every run needs: the recorder in force, None where recording is off, the clock, the maker of ids."""
    given: Mapping[str, Any] = settings
    if replaced := overrides():
        given = {**settings, **{name: port for name, port in replaced.items() if port is not None}}
    provider = current_provider()
    recorder, clock, ids = given.get("recorder"), given.get("clock"), given.get("ids")
    if "recorder" in replaced:
        recorder = replaced["recorder"]  # None is off
    elif recorder is None:
        recorder = provider.recorder()
    if "observer" in replaced:
        recorder = _watched(recorder, replaced["observer"])
    return recorder, provider.clock() if clock is None else clock, provider.ids() if ids is None else ids


def _watched(recorder: RecorderPort | None, observer: RecorderPort) -> RecorderPort | None:
    if recorder is None:
        return observer
    watched: Any = Observed(recorder, observer)
    return watched  # type: ignore[no-any-return]  # it has the rest of the recorder's methods by delegation


def _first(port: Any, other: Any) -> Any:
    """Return the port if there is one; one that is empty, and so false, is a port all the same."""
    return other if port is None else port


def _serves(colour: Colour, memory: AnyMemory) -> bool:
    sync = hasattr(memory, "recall") and hasattr(memory, "remember")
    return sync or (colour is Colour.ASYNC and hasattr(memory, "arecall") and hasattr(memory, "aremember"))
