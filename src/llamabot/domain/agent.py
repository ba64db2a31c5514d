"""`AgentBot`: decide, run tools, decide again, until the model answers or a tool ends the run. A reference graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, Unpack

from llamabot.domain.arguments import shows
from llamabot.domain.asking import recall
from llamabot.domain.call import Call
from llamabot.domain.effects import Core, Remember
from llamabot.domain.graph.nodes import DecideNode
from llamabot.domain.graph.state import AgentState
from llamabot.domain.graph.walker import BaseNode, Flow, check_graph, walk
from llamabot.domain.graph.wiring import mermaid, wire
from llamabot.domain.limits import Limits
from llamabot.domain.result import Conclusion
from llamabot.domain.settings import BotSettings
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.domain.toolbot import with_tools
from llamabot.domain.tooled import Tooled, check_durable
from llamabot.domain.toolset import ToolLike
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import DeveloperMessage, SystemMessage
from llamabot.ports.tools import Tool

__all__ = ["AgentBot", "AgentSettings", "AsyncAgentBot"]

_MAX_CHARACTERS = 20_000


class AgentSettings(BotSettings, total=False):
    """The keyword arguments of an `AgentBot` that `with_` may change.

    Attributes:
        max_result_characters: longest text of a tool's result that the model is told; 20,000 by default.
    """

    max_result_characters: int


class AgentBody(Tooled[Any]):
    """Walk a graph of nodes that yield effects.

    Args:
        system_prompt: what the agent is.
        tools: functions, and whole toolboxes.
        decide: a decide node of one's own, in the reference graph.
        graph: a whole graph of one's own, whose nodes share an `AgentState`.
        settings: of every bot, and `max_result_characters`.
    """

    _settings_type = AgentSettings
    _parameters = ("system_prompt", "tools", "decide", "graph")
    _limits = Limits()

    @shows(AgentSettings, BotSettings)
    def __init__(
        self,
        system_prompt: str | SystemMessage | DeveloperMessage = "",
        *,
        tools: Sequence[ToolLike] = (),
        decide: DecideNode | None = None,
        graph: Flow | None = None,
        **settings: Unpack[AgentSettings],
    ) -> None:
        """Make an agent; a graph with an action that leads nowhere is refused now."""
        _check_kind("decide", decide, BaseNode, "a node, as lmb.DecideNode()")
        _check_kind("graph", graph, Flow, "a graph of nodes, as pocketflow.Flow(start=…)")
        if decide is not None and graph is not None:
            raise ConfigurationError("a graph= has its own decide node: give either decide= or graph=")
        self._take(tools)
        self._decide = DecideNode() if decide is None else decide
        if graph is not None:
            check_graph(graph)
        self._fixed_graph = graph or (wire(self._decide, self._known) if self._fixed is not None else None)
        super().__init__(system_prompt)
        self._refuse_unknown("", settings, self._parameters)
        self._set(settings)
        self._check_recorder()

    def with_(self, **changes: Unpack[AgentSettings]) -> Self:
        """Return a copy with other settings."""
        changed = self._changed(changes)
        changed._check_recorder()  # noqa: SLF001 - it is one of us
        return changed

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart, drawn from the edges that run."""
        return mermaid(self._graph(self._toolset().list()))

    def _graph(self, tools: Sequence[Tool]) -> Flow:
        return self._fixed_graph or wire(self._decide, tools)

    def _core(self, call: Call) -> Core[Conclusion[Any]]:
        tools = yield from self._tools()
        check_durable(tools, is_durable=call.is_durable)
        history = yield from recall(call)
        shared = AgentState(
            with_tools(call.request, tools),
            (*self._system, *history, *call.inputs),
            tools,
            state=call.state,
            max_characters=self._settings.get("max_result_characters", _MAX_CHARACTERS),
        )
        before = len(shared.messages)
        yield from walk(self._graph(tools), shared)
        if call.has_memory:
            yield from Remember((*call.inputs, *shared.messages[before:]))
        return Conclusion(*shared.outcome(), tuple(shared.messages), shared.finish_reason)


def _check_kind(name: str, given: object, kind: type, wanted: str) -> None:
    if given is not None and not isinstance(given, kind):
        raise ConfigurationError(f"{name}= is {wanted}, not {given!r:.200}")


class AgentBot(AgentBody, SyncShell[Any]):
    """An agent: `agent("…")` is the answering message, or the very object that a terminal tool returned.

    Each call starts afresh unless `memory=` carries the conversation on. 25 decisions are the default limit.
    """


class AsyncAgentBot(AgentBody, AsyncShell[Any]):
    """As `AgentBot`, awaited. Sync tools run in threads and never block the event loop."""
