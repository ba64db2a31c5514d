"""The ports that the command line gives its bots: chosen by hand, so that the container is never loaded."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llamabot.app.building import EMBEDDED_PREFIX, build_clock, build_completion, build_ids, build_recorder
from llamabot.app.cli.places import prepare_place, record_place
from llamabot.app.cli.terminal import say
from llamabot.app.settings import Settings, read_settings, untrusted_note, working_folder
from llamabot.ports.errors import ConfigurationError, RecorderError
from llamabot.ports.provider import override, overrides

if TYPE_CHECKING:
    from llamabot.ports.recorder import RecorderPort

__all__ = ["Choice", "choose_model", "completion_for", "defaults", "here", "open_log", "session"]

_logger = logging.getLogger("llamabot")
_CLOSE_S = 5.0
_NO_MODEL = (
    'no model is set. Name one with --model, set LLAMABOT_MODEL, or write model = "…" in llamabot.toml. Without any '
    "key or network: run `llamabot local install`, and the model that it installs is used"
)


class Choice(msgspec.Struct, frozen=True):
    """What was chosen, and the reason, for people."""

    name: str
    why: str


@contextmanager
def session(model: str | None = None) -> Iterator[str]:
    """Put the command line's ports in force for a block, and give the name of its model.

    Ports that are overridden already stay. What the block recorded is on the disk when it ends; a log that cannot be
    written costs a line on stderr.
    """
    folder, settings = here()
    if settings.untrusted:
        say(untrusted_note(settings))
    replaced = overrides()
    model, completion = completion_for(model, settings)
    ports: dict[str, Any] = {"clock": build_clock(), "ids": build_ids(), "completion": completion}
    recorder = ports["recorder"] = None if "recorder" in replaced else _recorder(settings, folder)
    try:
        with override(**{name: port for name, port in ports.items() if name not in replaced}):
            yield model
    finally:
        _close(recorder)


@contextmanager
def defaults() -> Iterator[Settings]:
    """Have all bots of a block that name no ports of their own take the command line's, and give the settings.

    The log is durable, so that a run in it outlives the process. Unlike a session, it replaces nothing that a user's
    own code has chosen.
    """
    from llamabot.app.provider import configure

    folder, settings = here()
    if settings.untrusted:
        say(untrusted_note(settings))
    recorder = None if "recorder" in overrides() else _recorder(settings, folder, durable=True)
    configure(recorder="off" if recorder is None else recorder, clock=build_clock(), ids=build_ids())
    try:
        yield settings
    finally:
        configure(recorder=None, clock=None, ids=None)
        _close(recorder)


def completion_for(model: str | None, settings: Settings) -> tuple[str, Any]:
    """Return the name of the model that is used, and its adapter; None where one is overridden.

    Raises:
        ConfigurationError: there is no model.
    """
    if "completion" in overrides():
        return model or settings.model or "", None
    choice = choose_model(model, settings)
    if not (model or settings.model):
        say(f"using {choice.name}, {choice.why} (--model or LLAMABOT_MODEL names another)")
    return choice.name, build_completion(choice.name, settings=settings)


def here() -> tuple[Path, Settings]:
    """Return the working folder and the settings in it."""
    folder = Path(working_folder())
    return folder, read_settings(os.environ, folder)


def choose_model(model: str | None, settings: Settings) -> Choice:
    """Return the model that is used: the one named, the configured one, else one that is installed.

    Raises:
        ConfigurationError: there is none.
    """
    if model:
        return Choice(model, "named by --model")
    if os.environ.get("LLAMABOT_MODEL"):
        return Choice(str(settings.model), "set by LLAMABOT_MODEL")
    if settings.model:
        return Choice(settings.model, f"set in {settings.file}")
    installed = _installed()
    if installed is None:
        raise ConfigurationError(_NO_MODEL)
    return Choice(EMBEDDED_PREFIX + installed, "an installed model, because none is set")


def open_log() -> tuple[RecorderPort, str]:
    """Return the log to read, and where it is, in words.

    Raises:
        ConfigurationError: recording is off.
    """
    folder, settings = here()
    if settings.record == "off":
        raise ConfigurationError("recording is off: LLAMABOT_RECORD or llamabot.toml says so")
    record = settings.record if settings.record not in (None, "metadata") else str(record_place(folder))
    recorder = build_recorder(settings=Settings(record=record))
    assert recorder is not None, "a path is always recorded to"  # noqa: S101 - told to the type checker
    return recorder, str(record)


def _recorder(settings: Settings, folder: Path, *, durable: bool = False) -> RecorderPort | None:
    place = record_place(folder)
    if settings.record in (None, "metadata"):
        prepare_place(place)
    return build_recorder(settings=settings, place=place, durable=durable)


def _close(recorder: object) -> None:
    close = getattr(recorder, "close", None)
    if close is None:
        return
    try:
        close(_CLOSE_S)
    except RecorderError as error:
        _logger.warning("%s", error)  # told as a line, unless the recorder has told it already


def _installed() -> str | None:
    """Return the name of an installed model that answers, one of the catalogue before a file of the user's own."""
    from llamabot.adapters.models import CATALOGUE, GGUF, installed

    here = {model.name for model in installed() if model.path.suffix == GGUF}
    return next((name for name in (*(model.name for model in CATALOGUE), *sorted(here)) if name in here), None)
