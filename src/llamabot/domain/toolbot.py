"""`ToolBot`: one turn, whose answer is the calls of tools that the model chose. It runs none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, Unpack

import msgspec

from llamabot.domain.arguments import shows
from llamabot.domain.asking import recall, remember
from llamabot.domain.call import Call
from llamabot.domain.deciding import decide
from llamabot.domain.effects import Core
from llamabot.domain.result import Conclusion
from llamabot.domain.settings import BotSettings
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.domain.tooled import Tooled
from llamabot.domain.toolset import ToolLike
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import DeveloperMessage, SystemMessage
from llamabot.ports.tools import Tool, ToolCall

__all__ = ["AsyncToolBot", "ToolBot", "ToolSettings", "with_tools"]

_CHOICES = ("auto", "required", "none")


class ToolSettings(BotSettings, total=False):
    """The keyword arguments of a `ToolBot` that `with_` may change.

    Attributes:
        tool_choice: `auto`, `required`, `none`, or the name of a tool; `auto` by default.
    """

    tool_choice: str


class ToolBody(Tooled[tuple[ToolCall, ...]]):
    """System prompt, conversation, question, tools; one completion; the calls in it."""

    _settings_type = ToolSettings
    _parameters = ("system_prompt", "tools")

    @shows(ToolSettings, BotSettings)
    def __init__(
        self,
        system_prompt: str | SystemMessage | DeveloperMessage = "",
        *,
        tools: Sequence[ToolLike] = (),
        **settings: Unpack[ToolSettings],
    ) -> None:
        """Make a bot; a function that cannot be a tool is refused now."""
        self._take(tools)
        super().__init__(system_prompt)
        self._refuse_unknown("", settings, self._parameters)
        self._set(settings)

    def with_(self, **changes: Unpack[ToolSettings]) -> Self:
        """Return a copy with other settings."""
        return self._changed(changes)

    def _set(self, changes: Mapping[str, Any]) -> None:
        choice = changes.get("tool_choice", "auto")
        names = [tool.name for tool in self._known]
        if choice not in _CHOICES and self._fixed is not None and choice not in names:
            raise ConfigurationError(f"tool_choice={choice!r} is none of {', '.join((*_CHOICES, *names))}")
        super()._set(changes)

    def _core(self, call: Call) -> Core[Conclusion[tuple[ToolCall, ...]]]:
        tools = yield from self._tools()
        history = yield from recall(call)
        messages = (*self._system, *history, *call.inputs)
        request = with_tools(call.request, tools, self._settings.get("tool_choice", "auto"))
        message = (completion := (yield from decide(request, messages))).message
        yield from remember(call, message)
        return Conclusion(message.tool_calls, message.text, (*messages, message), completion.finish_reason)


def with_tools(request: CompletionRequest, tools: Sequence[Tool], choice: str = "auto") -> CompletionRequest:
    """Return the request with tools for the model to choose from."""
    specs = tuple(tool.spec for tool in tools)
    return msgspec.structs.replace(request, tools=specs, tool_choice=choice if specs else "auto")


class ToolBot(ToolBody, SyncShell[tuple[ToolCall, ...]]):
    """A bot that chooses tools: `bot("…")` is the tuple of calls, () where the model answered in words.

    A conversation in `memory=` is read; a turn is added to it only if it has no calls, for nobody answers them here.
    """


class AsyncToolBot(ToolBody, AsyncShell[tuple[ToolCall, ...]]):
    """As `ToolBot`, awaited."""
