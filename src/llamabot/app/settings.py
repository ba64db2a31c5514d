"""Settings: what the environment and a `llamabot.toml` say. Read when first needed, never at import.

A working folder may come from a stranger. So a `llamabot.toml` can name models and harmless options, but what would
send keys or prompts elsewhere (`api_base`, proxies, any option not known to be harmless, a model that is an address, a
log outside of the folder) counts only after `llamabot trust`, for the file as it was then.
"""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from llamabot.app.load import LOAD_VARIABLE, NO_LOAD, Load, load_paths, read_load
from llamabot.app.trust import is_trusted
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import NO_SECRETS, Secret, Secrets, split_secrets

__all__ = [
    "SETTINGS_FILE",
    "Settings",
    "current_model",
    "current_record",
    "current_settings",
    "find_project",
    "find_settings_file",
    "read_settings",
    "record_word",
    "untrusted_note",
    "working_folder",
]

SETTINGS_FILE = "llamabot.toml"
_PROJECT_MARKS = (SETTINGS_FILE, ".git", "pyproject.toml")
_KNOWN = ("model", "embedding", "record", "options", "load")
_VARIABLES = (
    "LLAMABOT_MODEL",
    "LLAMABOT_EMBEDDING",
    "LLAMABOT_RECORD",
    "LLAMABOT_WIRE_URL",
    "LLAMABOT_WIRE_KEY",
    LOAD_VARIABLE,
)
_NO_PATHS = ("off", "metadata")
_OFF = ("off", "0", "false", "no", "none")
_ON = ("on", "1", "true", "yes")
# Some providers take an address for a model's name and send the key there. A plain name has at most a `:tag`.
_PLAIN_MODEL = re.compile(r"([\w.@+-]+/)*[\w.@+-]+(:[\w.-]+)?")
_HARMLESS_OPTIONS = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "min_p",
        "output_schema",
        "presence_penalty",
        "reasoning_effort",
        "seed",
        "stop",
        "top_k",
        "top_p",
    }
)


class Settings(msgspec.Struct, frozen=True):
    """What is configured outside of the program.

    Attributes:
        model: the default model, or None.
        embedding: the default embedding model, or None.
        record: `off`, `metadata`, a path, or None for a log in memory.
        options: passed to the default adapter.
        secrets: the secret part of the options.
        wire_url: the server of the models `wire/…`, or None.
        wire_key: its key, or None.
        load: the decorators of the ports that are made by default.
        file: the `llamabot.toml` that was read, or None.
        untrusted: what of that file does not count until it is trusted.
    """

    model: str | None = None
    embedding: str | None = None
    record: str | None = None
    options: Mapping[str, Any] = {}
    secrets: Secrets = NO_SECRETS
    wire_url: str | None = None
    wire_key: Secret | None = None
    load: Load = NO_LOAD
    file: Path | None = None
    untrusted: tuple[str, ...] = ()


def current_settings() -> Settings:
    """Return the settings of this process in this folder; the file is read again only if these have changed."""
    get = os.environ.get
    key = (*map(get, _VARIABLES), working_folder())
    settings = _current.get(key)
    if settings is None:
        read = read_settings(dict(zip(_VARIABLES, key[:-1], strict=True)), Path(key[-1] or os.sep))
        settings = _current.setdefault(key, read)  # threads that read it at once go on with the same one
        for other in list(_current):
            if other != key:
                _current.pop(other, None)
        _everyday.clear()
        if settings is read and settings.untrusted:
            warnings.warn(untrusted_note(settings), UserWarning, stacklevel=2)
    return settings


def current_model() -> str | None:
    """Return the default model of the current settings, or None."""
    return _settings_by("LLAMABOT_MODEL").model


def current_record() -> str | None:
    """Return where the current settings say that runs are recorded, or None for a log in memory."""
    return _settings_by("LLAMABOT_RECORD").record


def read_settings(environment: Mapping[str, str | None], folder: Path) -> Settings:
    """Return the settings; the environment beats the file.

    Raises:
        ConfigurationError: the file cannot be read, or has a setting that does not exist.
    """
    file = find_settings_file(folder)
    data = b"" if file is None else _read(file)
    content = {} if file is None else _parsed(file, data)
    untrusted = () if file is None or is_trusted(file, data) else _suspicious(content, file.parent)
    counting = {name: value for name, value in content.items() if name not in untrusted}
    options = {name: value for name, value in content.get("options", {}).items() if f"options.{name}" not in untrusted}
    visible, secrets = split_secrets(options)
    load = {name: value for name, value in content.get("load", {}).items() if f"load.{name}" not in untrusted}
    return Settings(
        model=environment.get("LLAMABOT_MODEL") or counting.get("model"),
        embedding=environment.get("LLAMABOT_EMBEDDING") or counting.get("embedding"),
        record=_resolved(environment.get("LLAMABOT_RECORD"), folder)
        or _resolved(counting.get("record"), folder if file is None else file.parent),
        options=visible,
        secrets=secrets,
        wire_url=environment.get("LLAMABOT_WIRE_URL") or None,
        wire_key=Secret(key) if (key := environment.get("LLAMABOT_WIRE_KEY")) else None,
        load=read_load(load, file, environment.get(LOAD_VARIABLE), folder),
        file=file,
        untrusted=untrusted,
    )


def record_word(record: str) -> str:
    """Return what a record means if it is no path: `off`, `metadata` or ""; else the path as it was given.

    Whoever writes `OFF` or `0` wants nothing kept, and no log in a file of that name.

    Raises:
        ConfigurationError: it says that runs are to be recorded, but not where.
    """
    word = record.strip().lower()
    if word in _ON:
        raise ConfigurationError(f"record={record!r} says not where: name the path of a file, or metadata, or off")
    return "off" if word in _OFF else word if word in ("", "metadata") else record


def find_project(folder: Path) -> Path | None:
    """Return the root of the project that a folder is in: the nearest one with a `.git`, a `pyproject.toml` or ours."""
    for candidate in (folder, *folder.parents):
        if any(_exists(candidate / mark) for mark in _PROJECT_MARKS):
            return candidate
    return None


def find_settings_file(folder: Path) -> Path | None:
    """Return the `llamabot.toml` of the project that a folder is in, or None; never one from beyond it."""
    project = find_project(folder)
    if project is None or not _exists(project / SETTINGS_FILE):
        return None
    return project / SETTINGS_FILE


def working_folder() -> str:
    """Return the folder that the process is in, the root if that one is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 - on the path of every call, and Path.cwd() takes five times as long
    except OSError:  # the folder was deleted under us
        return os.sep


def untrusted_note(settings: Settings) -> str:
    """Say what of the file does not count, and what makes it count."""
    return (
        f"{settings.file} sets {', '.join(settings.untrusted)}, which could send keys or prompts elsewhere and "
        "does not count until you have read the file and run `llamabot trust`"
    )


_Key: TypeAlias = tuple[str | None, ...]
_current: dict[_Key, Settings] = {}
_everyday: dict[_Key, Settings] = {}


def _settings_by(variable: str) -> Settings:
    """Return the current settings in so far as one variable decides; each call asks, and to look up all is dear."""
    key = (variable, os.environ.get(variable), working_folder())
    settings = _everyday.get(key)
    if settings is None:
        settings = _everyday[key] = current_settings()
    return settings


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that may not be looked into
        return False


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error


def _parsed(file: Path, data: bytes) -> dict[str, Any]:
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    for name in content:
        if name not in _KNOWN:
            raise ConfigurationError(
                f"{file} has a setting {name!r} that does not exist; there are {', '.join(_KNOWN)}"
            )
    kinds = (("model", str), ("embedding", str), ("record", str), ("options", dict), ("load", dict))
    for name, kind in kinds:
        if name in content and not isinstance(content[name], kind):
            raise ConfigurationError(f"{file}: {name!r} must be a {'table' if kind is dict else 'string'}")
        if "\0" in content.get(name, ""):
            raise ConfigurationError(f"{file}: {name!r} has a NUL character in it")
    return content


def _suspicious(content: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    names = [f"options.{name}" for name in content.get("options", {}) if name not in _HARMLESS_OPTIONS]
    names += [name for name in ("model", "embedding") if not _PLAIN_MODEL.fullmatch(content.get(name, "none"))]
    record = _resolved(content.get("record", "off"), folder)
    if record not in _NO_PATHS and not Path(str(record)).resolve().is_relative_to(folder.resolve()):
        names.append("record")
    return (*names, *_suspicious_load(content.get("load", {}), folder))


def _suspicious_load(table: Mapping[str, Any], folder: Path) -> Iterator[str]:
    outside = [name for name, path in load_paths(table, folder) if not path.resolve().is_relative_to(folder.resolve())]
    yield from (f"load.{name}" for name in outside)
    models = table.get("fallback", [])
    if isinstance(models, list) and not all(_PLAIN_MODEL.fullmatch(str(model)) for model in models):
        yield "load.fallback"


def _resolved(record: str | None, folder: Path) -> str | None:
    """Return a record with its path made absolute, so that it means the same after a change of folder."""
    record = record_word(record or "")
    if not record or record in _NO_PATHS:
        return record or None
    return str(folder / os.path.expanduser(record))  # noqa: PTH111 - Path's own raises for a user that does not exist
