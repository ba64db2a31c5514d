"""Keyword arguments: shown in full to people, and refused with the right name when they do not exist.

The keywords that all bots share are stated once, as a `TypedDict`. Type checkers read it through `Unpack`; `shows`
puts the same names into the signature that notebooks and `help` display.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from llamabot.domain.limits import Limits
from llamabot.ports.docstore import check_metadata
from llamabot.ports.errors import ConfigurationError, UnknownArgument, UsageError

__all__ = ["check_kinds", "check_tags", "check_where", "refuse_unknown", "shows"]

F = TypeVar("F", bound=Callable[..., Any])

_FORMER_NAMES = {
    "api_base": "options={'api_base': …}",
    "api_key": "options={'api_key': …}",
    "chat_memory": "memory",
    "max_completion_tokens": "max_tokens",
    "mock_response": "completion=ScriptedCompletion([…])",
    "model_name": "model",
    "num_attempts": "max_attempts",
    "output_type": "output",
    "prompt": "system_prompt",
    "pydantic_model": "output",
    "response_model": "output",
    "schema": "output",
    "system": "system_prompt",
    "timeout": "timeout_s",
    "top_p": "options={'top_p': …}",
}

_HOMES = {
    "docstore": "lmb.QueryBot",
    "output": "lmb.StructuredBot",
    "state": "bot(…, state=…)",
    "stream": "bot.stream(…)",
    "tags": "bot(…, tags=…)",
    "tools": "lmb.ToolBot or lmb.AgentBot",
}
"""Where arguments of other classes and of calls belong."""

_KINDS: Mapping[str, tuple[Any, str]] = {
    "context_tokens": (int, "a whole number"),
    "k": (int, "a whole number"),
    "limits": (Limits, "lmb.Limits(…)"),
    "max_attempts": (int, "a whole number"),
    "max_tokens": (int, "a whole number"),
    "min_score": (int | float, "a number"),
    "model": (str, "text"),
    "name": (str, "text"),
    "not_found": (str, "text"),
    "options": (Mapping, "names with their values"),
    "tags": (Mapping, "names with their values"),
    "temperature": (int | float, "a number"),
    "timeout_s": (int | float, "a number of seconds"),
    "where": (Mapping, "names with their values"),
}


def refuse_unknown(
    where: str,
    given: Iterable[str],
    known: Iterable[str],
    elsewhere: Iterable[str] = (),
    parameters: tuple[str, ...] = (),
) -> None:
    """Raise `UnknownArgument` if a name is not known, naming the one that was probably meant.

    Args:
        where: what is called, as its user writes it.
        given: the names used.
        known: the names there are.
        elsewhere: names that belong to the bot and not to one call.
        parameters: names of `where` that are not among `given`, to be advised.
    """
    known, elsewhere = tuple(known), tuple(elsewhere)
    for name in given:
        if name in known:
            continue
        meant = name if name in elsewhere else _FORMER_NAMES.get(name)
        if meant in elsewhere:
            raise UnknownArgument(f"{name!r} is a setting of the bot: use bot.with_({meant}=…)(…)")
        raise UnknownArgument(f"{where} has no argument {name!r}; {_advice(name, (*parameters, *known))}")


def check_kinds(given: Mapping[str, Any]) -> None:
    """Raise `ConfigurationError` for an argument of the wrong kind: it would fail later, or spoil the log.

    Its value is not shown: it may be a key that went astray.
    """
    for name, value in given.items():
        kind, wanted = _KINDS.get(name, (object, ""))
        if value is not None and not isinstance(value, kind):
            raise ConfigurationError(f"{name}= is {wanted}, not {type(value).__name__}")
        if isinstance(value, str) and kind is str:
            _check_whole(name, value)
        if name == "options" and value and not all(isinstance(option, str) for option in value):
            raise ConfigurationError(f"{name}= is {wanted}; each name is text")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigurationError(f"{name}= is {wanted}, not {value!r}")


def check_tags(tags: Mapping[Any, Any] | None) -> None:
    """Raise `UsageError` unless tags are text by text: the log could not be read back."""
    for name, value in (tags or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise UsageError(f'tags are text, not {name!r}: {value!r}; write tags={{"{name}": "{value}"}}')
        _check_whole("tags", name + value)


def check_where(where: Mapping[Any, Any] | None) -> None:
    """Raise unless a filter is one, and can be written in the log.

    Raises:
        UsageError: a name is no string, or a value no scalar.
        ConfigurationError: a text has half a character, or a number is not finite.
    """
    check_metadata({} if where is None else where, "to look for")
    for name, value in (where or {}).items():
        _check_whole("where", f"{name}{value}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigurationError(f"where= has {name!r}: {value!r}; a number is finite")


def shows(settings: type[Any], *bases: type[Any]) -> Callable[[F], F]:
    """Show the keys of a `TypedDict` as keyword arguments in a function's signature, and what they are in its help.

    Args:
        settings: with all keys.
        bases: describe those keys that `settings` has from them.
    """

    def show(function: F) -> F:
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=..., annotation=_written(annotation))
            for name, annotation in settings.__annotations__.items()
        ]
        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # no stub has it
        function.__doc__ = _with_keywords(function, settings, *bases)
        return function

    return show


def _written(annotation: Any) -> Any:
    """Return an annotation as its author wrote it."""
    return getattr(annotation, "__forward_arg__", annotation)


def _with_keywords(function: Any, *settings: type[Any]) -> str:
    """Return a function's docstring with what is said of its keywords."""
    described = [inspect.getdoc(kind) or "" for kind in settings]
    keywords = "\n".join(text.partition("Attributes:\n")[2] for text in described)
    return f"{inspect.getdoc(function) or ''}\n\nKeywords:\n{keywords}"


def _check_whole(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{name}= has half a character (a lone surrogate), which cannot be written") from error


def _advice(name: str, known: tuple[str, ...]) -> str:
    former = _FORMER_NAMES.get(name)
    if former is not None and former.partition("=")[0] in known:
        return f"use {former}"
    if name in _HOMES:
        return f"use {_HOMES[name]}"
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(known)}; what only the provider knows goes into options={{{name!r}: …}}"
