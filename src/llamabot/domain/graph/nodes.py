"""The nodes of the reference graph. A node whose `exec` is a generator yields effects; it holds nothing of a call."""

from __future__ import annotations

from typing import Any, ClassVar

from pocketflow import Node

from llamabot.domain.calling import run_calls
from llamabot.domain.deciding import decide
from llamabot.domain.effects import Core
from llamabot.domain.graph.state import AgentState
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.messages import Message
from llamabot.ports.tools import Tool, ToolResult

__all__ = ["ANSWER", "CALLS", "ENDED", "HOLDING_NOTHING", "LOOP", "DecideNode", "EndNode", "ToolNode", "ToolsNode"]

# Actions. Those in parentheses can be no tool's name.
ANSWER = "(answer)"
CALLS = "(calls)"
ENDED = "(ended)"
LOOP = "default"


class DecideNode(Node):
    """Ask the model what to do next; its body is that of `ToolBot`.

    A subclass may change in `prep` what is asked, or replace `exec`; what `exec` yields is logged and resumed.
    """

    routes: ClassVar[tuple[str, ...]] = (ANSWER, CALLS)

    def prep(self, shared: AgentState) -> tuple[CompletionRequest, tuple[Message, ...]]:
        """Return what the model is asked."""
        return shared.request, tuple(shared.messages)

    def exec(self, prep_res: tuple[CompletionRequest, tuple[Message, ...]]) -> Core[Completion]:
        """Return the model's decision."""
        return (yield from decide(*prep_res))

    def post(self, shared: AgentState, prep_res: Any, exec_res: Completion) -> str:
        """Take the decision in; lead to the tool's own node, to the node of all calls, or to the end."""
        shared.decided(exec_res)
        match shared.calls:
            case ():
                return ANSWER
            case (call,) if call.name in self.successors:
                return call.name
            case _:
                return CALLS


class ToolsNode(Node):
    """Run the calls that wait, at once where they may."""

    routes: ClassVar[tuple[str, ...]] = (LOOP, ENDED)

    def prep(self, shared: AgentState) -> AgentState:
        """Return the state: its calls, its tools."""
        return shared

    def exec(self, prep_res: AgentState) -> Core[list[ToolResult]]:
        """Return the results in the order of the calls."""
        return (yield from run_calls(prep_res.calls, prep_res.tools, prep_res.max_characters))

    def post(self, shared: AgentState, prep_res: Any, exec_res: list[ToolResult]) -> str:
        """Take the results in; loop back, or end."""
        shared.answered(exec_res)
        return ENDED if shared.has_value else LOOP


class ToolNode(ToolsNode):
    """Run a lone call of one tool."""

    def __init__(self, tool: Tool) -> None:
        super().__init__()
        self.label = tool.name


class EndNode(Node):
    """The end; nothing is left to do."""


HOLDING_NOTHING = frozenset({DecideNode, ToolsNode, ToolNode})
"""Nodes that keep nothing of a visit, so that none needs a copy. A subclass of one may."""
