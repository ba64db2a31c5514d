"""`llamabot doctor`: what is there, and what would be used, and why. Keys are named, never shown."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from llamabot.app.building import DEFAULT_EMBEDDING, EMBEDDED_PREFIX, WIRE_PREFIX
from llamabot.app.cli.places import record_place
from llamabot.app.cli.session import choose_model, here
from llamabot.app.cli.terminal import display, visible
from llamabot.app.load import NO_LOAD
from llamabot.app.settings import Settings, untrusted_note
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.offline import is_offline

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["doctor"]

_KEY = re.compile(r".+_(API_?KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|TOKEN|CREDENTIALS)", re.IGNORECASE)
_USUAL_KEYS = ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "OPENAI_API_KEY")
_EXTRA = re.compile(r"""^\s*([\w.-]+).*;.*extra\s*==\s*["']([\w-]+)["']""")
_OF_THE_KIND = frozenset({"all", "testing"})


def doctor(model: str | None) -> None:
    """Print what is found; raise what would stop `ask`, after all the rest is said."""
    trouble: ConfigurationError | None = None
    for title, text in [*_versions(), *_extras(), *_keys()]:
        display(_line(title, text))
    try:
        folder, settings = here()
        for title, text in [*_files(settings), *_log(settings, folder), *_embedding(settings)]:
            display(_line(title, text))
        choice = choose_model(model, settings)
    except ConfigurationError as error:
        trouble = error
    else:
        display(_line("model", f"{choice.name}, {choice.why}"))
        display(_line("adapter", _adapter(choice.name)))
        display(_line("stack", _stack(settings, choice.name)))
    if trouble is not None:
        raise trouble


def _versions() -> Iterator[tuple[str, str]]:
    yield "llamabot", version("llamabot")
    yield "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _extras() -> Iterator[tuple[str, str]]:
    """Yield the extras with the versions of their packages, or the line that installs them."""
    packages: dict[str, list[str]] = {}
    for requirement in requires("llamabot") or ():
        found = _EXTRA.match(requirement)
        if found and found[2] not in _OF_THE_KIND:
            packages.setdefault(found[2], []).append(found[1])
    for extra, names in sorted(packages.items()):
        installed = {name: _installed_version(name) for name in names}
        if all(installed.values()):
            text = ", ".join(f"{name} {number}" for name, number in installed.items())
        else:
            missing = ", ".join(name for name, number in installed.items() if not number)
            text = f'not installed ({missing}); pip install "llamabot[{extra}]"'
        yield f"extra {extra}", text


def _installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _keys() -> Iterator[tuple[str, str]]:
    given = sorted(name for name, value in os.environ.items() if value and _KEY.fullmatch(name))
    yield "keys set", ", ".join(given) or "none"
    yield "keys not set", ", ".join(name for name in _USUAL_KEYS if name not in given) or "none of the usual ones"


def _files(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.file is None:
        yield "settings", "no llamabot.toml in this project"
    elif settings.untrusted:
        yield "settings", untrusted_note(settings)
    else:
        yield "settings", f"{settings.file}, all of it counts"
    yield "network", "forbidden by LLAMABOT_OFFLINE" if is_offline() else "allowed"


def _log(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    place = record_place(folder)
    match settings.record:
        case "off":
            text = "off"
        case "metadata":
            text = f"{place}, without contents"
        case None:
            text = f"{place}, the command line's own place"
        case path:
            text = path
    said = settings.record is not None
    yield "records to", f"{text}, says {_source(settings, 'LLAMABOT_RECORD')}" if said else text


def _source(settings: Settings, variable: str) -> str:
    return variable if os.environ.get(variable) else str(settings.file)


def _embedding(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what document stores embed with, and what is missing for it."""
    name = settings.embedding or DEFAULT_EMBEDDING
    why = "the default" if settings.embedding is None else f"says {_source(settings, 'LLAMABOT_EMBEDDING')}"
    if not name.startswith(EMBEDDED_PREFIX):
        yield (
            "embedding",
            f"{name} {'of the direct adapter' if name.startswith(WIRE_PREFIX) else 'through LiteLLM'}, {why}",
        )
        return
    from llamabot.adapters.models import ONNX, model_path

    try:
        model_path(name.removeprefix(EMBEDDED_PREFIX), ending=ONNX)
    except ConfigurationError as error:
        yield "embedding", f"{name}, {why}; {error}"
    else:
        yield "embedding", f"{name} in this process, {why}"


def _adapter(model: str) -> str:
    if model.startswith(EMBEDDED_PREFIX):
        return f"embedded (llama.cpp in this process), because the name begins with {EMBEDDED_PREFIX}"
    if model.startswith(WIRE_PREFIX):
        return f"direct (one request, nothing between), because the name begins with {WIRE_PREFIX}"
    return f"LiteLLM, because the name does not begin with {EMBEDDED_PREFIX} or {WIRE_PREFIX}"


def _stack(settings: Settings, model: str) -> str:
    """Return what stands around the adapter, from the outside in."""
    if settings.load == NO_LOAD:
        return "the adapter alone; [load] in llamabot.toml, or LLAMABOT_LOAD, puts decorators around it"
    from llamabot.app.stack import described

    return " > ".join([*described(settings.load), _adapter(model).partition(" ")[0].rstrip(",")])


def _line(title: str, text: str) -> Text:
    from rich.text import Text

    return Text(f"{title:<14}", "bold").append(visible(text), "not bold")
