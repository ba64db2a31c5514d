"""Wiring the reference graph: decide, one node a tool, one node for several calls, the end."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from pocketflow import Flow

from llamabot.domain.graph.nodes import ANSWER, CALLS, ENDED, LOOP, DecideNode, EndNode, ToolNode, ToolsNode
from llamabot.domain.graph.walker import check_graph, edges, label
from llamabot.ports.tools import Tool

__all__ = ["mermaid", "wire"]


def wire(decide: DecideNode, tools: Iterable[Tool]) -> Flow:
    """Return a graph of its own: the decide node is copied, so that two agents may be given the same one.

    Raises:
        GraphNotClosed: a route of the decide node leads nowhere.
    """
    decide = copy.copy(decide)
    decide.successors = dict(decide.successors)
    end, together = EndNode(), ToolsNode()
    nodes = {tool.name: ToolNode(tool) for tool in tools}
    decide.successors |= {**nodes, CALLS: together, ANSWER: end}
    for node in (together, *nodes.values()):
        node.successors = {LOOP: decide, ENDED: end}
    flow = Flow(start=decide)
    check_graph(flow)
    return flow


def mermaid(flow: Flow) -> str:
    """Return the graph as a Mermaid flowchart, drawn from the edges that are walked."""
    names: dict[int, str] = {}
    lines = ["flowchart TD"]
    for source, action, target in edges(flow):
        ends = []
        for node in (source, target):
            known = id(node) in names
            name = names.setdefault(id(node), f"n{len(names)}")
            ends.append(name if known else f'{name}["{_escaped(label(node))}"]')
        arrow = "-->" if action == LOOP else f'-->|"{_escaped(action)}"|'
        lines.append(f"    {ends[0]} {arrow} {ends[1]}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
