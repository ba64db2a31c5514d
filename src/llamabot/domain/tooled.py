"""What bots with tools share: where the tools come from, and what they ask of the recorder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from llamabot.domain.bot import Bot
from llamabot.domain.effects import Core, ListTools
from llamabot.domain.resolve import resolve_instruments
from llamabot.domain.toolset import ToolLike, Toolset, is_toolbox, toolboxes_of, tools_in
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.tools import Tool

__all__ = ["Tooled", "check_durable"]

T = TypeVar("T")


class Tooled(Bot[T]):
    """A bot with tools. Functions are known for good; what a toolbox offers is asked anew for each run."""

    _fixed: Toolset | None = None

    def _take(self, tools: Sequence[ToolLike]) -> None:
        given = tools_in(tools)
        self._boxes = toolboxes_of(given)
        self._fixed = None if any(map(is_toolbox, given)) else Toolset(self._boxes)
        self._known = () if self._fixed is None else self._fixed.list()

    def _toolset(self) -> Toolset:
        return self._fixed or Toolset(self._boxes)

    def _tools(self) -> Core[tuple[Tool, ...]]:
        """Return the tools of this run."""
        return self._known if self._fixed is not None else (yield from ListTools())

    def _check_recorder(self) -> None:
        """Refuse tools that a crash could make repeat, or that wait for someone, without a log that outlives it."""
        if any(tool.needs_approval or not tool.idempotent for tool in self._known):
            check_durable(self._known, is_durable=getattr(resolve_instruments(self._settings)[0], "durable", False))


def check_durable(tools: Sequence[Tool], *, is_durable: bool) -> None:
    """Raise `ConfigurationError` if one of the tools needs a durable recorder and there is none."""
    needy = [tool.name for tool in tools if tool.needs_approval or not tool.idempotent]
    if needy and not is_durable:
        raise ConfigurationError(
            f"{', '.join(needy)}: a tool with needs_approval=True or idempotent=False needs a log that outlives the "
            "process: recorder=lmb.SqliteRecorder(path, durable=True)"
        )
