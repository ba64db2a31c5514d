"""The tools of one run: those of all its toolboxes, each known by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from llamabot.ports.errors import ConfigurationError
from llamabot.ports.provider import current_provider
from llamabot.ports.tools import AsyncToolboxPort, Tool, ToolboxPort

__all__ = ["AnyToolbox", "ToolLike", "Toolset", "is_toolbox", "toolboxes_of", "tools_in"]

AnyToolbox: TypeAlias = ToolboxPort | AsyncToolboxPort
ToolLike: TypeAlias = Callable[..., Any] | AnyToolbox
"""What goes into `tools=`: functions, and whole toolboxes."""


class Toolset:
    """Tools and who runs them.

    Listing may connect to servers, so it is done when it is asked for. One whose toolboxes may change belongs to one
    run; one of functions alone is shared by all runs of a bot.
    """

    def __init__(self, boxes: Iterable[AnyToolbox]) -> None:
        self._boxes = tuple(boxes)
        self._found: dict[str, tuple[Tool, AnyToolbox]] | None = None

    @property
    def is_listed(self) -> bool:
        """Whether `list` was called, so that nothing has to be waited for any more."""
        return self._found is not None

    def list(self) -> tuple[Tool, ...]:
        """Return the tools.

        Raises:
            ConfigurationError: two have the same name.
        """
        found: dict[str, tuple[Tool, AnyToolbox]] = {}
        for box in self._boxes:
            for tool in box.tools():
                if tool.name in found:
                    raise ConfigurationError(f"two tools are named {tool.name!r}: give one of them another name")
                found[tool.name] = tool, box
        self._found = found
        return tuple(tool for tool, _ in found.values())

    def box(self, name: str) -> Any:
        """Return the toolbox that runs the tool of that name, None if there is none any more."""
        if self._found is None:
            self.list()
        found = (self._found or {}).get(name)
        return None if found is None else found[1]


def tools_in(tools: Iterable[ToolLike]) -> tuple[ToolLike, ...]:
    """Return what stands in `tools=`.

    Raises:
        ConfigurationError: it is no list, or something in it is neither a function nor a toolbox.
    """
    if callable(tools) or is_toolbox(tools) or not isinstance(tools, Iterable):
        raise ConfigurationError(f"tools= is a list of functions and toolboxes, not {tools!r:.200}")
    found = tuple(tools)
    for tool in found:
        if not is_toolbox(tool) and not callable(tool):
            raise ConfigurationError(f"tools= holds functions and toolboxes, not {tool!r:.200}")
    return found


def toolboxes_of(tools: Sequence[ToolLike]) -> tuple[AnyToolbox, ...]:
    """Return functions and toolboxes as toolboxes; functions that follow each other share one."""
    boxes: list[Any] = []
    for whole, group in groupby(tools, key=is_toolbox):
        members: Any = tuple(group)
        boxes += members if whole else [current_provider().toolbox(members)]
    return tuple(boxes)


def is_toolbox(tool: Any) -> bool:
    """Say whether something in `tools=` is a whole toolbox."""
    return not isinstance(tool, type) and hasattr(tool, "tools") and (hasattr(tool, "call") or hasattr(tool, "acall"))
