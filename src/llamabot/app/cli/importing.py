"""What is named as `module:name` on the command line: tools and bots of the user's own code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from llamabot.domain.bot import Bot
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.domain.toolset import ToolLike, is_toolbox
from llamabot.ports.errors import LlamabotError, UsageError

__all__ = ["AnyBot", "load_bot", "load_tools", "own_code"]

AnyBot = SyncShell[Any] | AsyncShell[Any]


@contextmanager
def own_code(folder: Path) -> Iterator[None]:
    """Let a block import from a folder too."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def load_tools(references: Sequence[str]) -> list[ToolLike]:
    """Return the functions and toolboxes that are named, each reference one or several between commas.

    Raises:
        UsageError: one of them does not exist, cannot be imported, or is no tool.
    """
    names = [name.strip() for reference in references for name in reference.split(",") if name.strip()]
    return [_tool(name) for name in names]


def load_bot(reference: str) -> AnyBot:
    """Return the bot that is named.

    Raises:
        UsageError: it does not exist, cannot be imported, or is no bot.
    """
    found = _named(reference)
    if isinstance(found, SyncShell | AsyncShell):
        return found
    raise UsageError(f"{reference} is {_kind(found)}, not a bot: name a variable of the module that holds one")


def _tool(reference: str) -> ToolLike:
    found = _named(reference)
    if isinstance(found, Bot):
        raise UsageError(f"{reference} is a bot, not a tool: name a variable that holds its .as_tool()")
    if is_toolbox(found) or (callable(found) and not isinstance(found, type)):
        tool: ToolLike = found
        return tool
    raise UsageError(f"{reference} is {_kind(found)}, not a tool: tools are functions and toolboxes")


def _named(reference: str) -> Any:
    module_name, _, name = reference.partition(":")
    if not (module_name and name.isidentifier()):
        raise UsageError(f"{reference!r} is not of the form module:name")
    if module_name.endswith(".py"):
        dotted = module_name.removesuffix(".py").replace("/", ".")
        raise UsageError(f"{reference!r} names a file; write its module: {dotted}:{name}")
    module = _imported(module_name)
    try:
        return getattr(module, name)
    except AttributeError:
        near = get_close_matches(name, vars(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"the module {module_name!r} has no {name!r}{hint}") from None


def _imported(name: str) -> Any:
    """Import a module. Whatever it raises meanwhile is the user's to mend."""
    try:
        return importlib.import_module(name)
    except LlamabotError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {error.name!r}, neither here nor installed") from error
        raise UsageError(f"the module {name!r} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"the module {name!r} cannot be imported: {type(error).__name__}: {error}") from error


def _kind(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
