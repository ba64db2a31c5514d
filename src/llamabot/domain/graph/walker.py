"""Walking a graph with a generator: one walk for call, async call and both streams.

PocketFlow's own `Flow.run` is a loop that calls; it cannot yield effects. This one has its rules: every visit works on
a copy of a node that may keep something, `post` returns the action, None is `default`, and a node without edges is an
end. Where PocketFlow warns of an action without an edge, this one raises.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from inspect import isgeneratorfunction
from typing import Any

from pocketflow import AsyncNode, BaseNode, BatchFlow, BatchNode, Flow

from llamabot.domain.effects import Core
from llamabot.domain.graph.nodes import HOLDING_NOTHING
from llamabot.ports.errors import GraphNotClosed
from llamabot.ports.kinds import a_kind

__all__ = ["BaseNode", "Flow", "check_graph", "edges", "label", "walk"]


def walk(flow: Flow, shared: Any) -> Core[Any]:
    """Go from node to node until one has no edges; return the last action.

    Raises:
        GraphNotClosed: a node returned an action that no edge leads on from.
    """
    node, action = flow.start_node, None
    while node is not None:
        action = yield from _visit(node if type(node) in HOLDING_NOTHING else copy.copy(node), shared)
        node = _next(node, action)
    return action


def check_graph(flow: Flow) -> None:
    """Raise `GraphNotClosed` unless every route that a node names has an edge, and each node can be walked."""
    if flow.start_node is None:
        raise GraphNotClosed("the graph has no start: Flow(start=…)")
    for node in _nodes(flow.start_node):
        if (why := _cannot_be_walked(node)) is not None:
            raise GraphNotClosed(f"{label(node)} {why}")
        for action in getattr(node, "routes", ()):
            if action not in node.successors:
                raise GraphNotClosed(
                    f"{label(node)} can return {action!r}, but no edge leads on: node - {action!r} >> …"
                )
        if isinstance(node, Flow):
            check_graph(node)


def edges(flow: Flow) -> Iterator[tuple[BaseNode, str, BaseNode]]:
    """Yield the edges, each with its action, breadth first from the start."""
    if flow.start_node is not None:
        for node in _nodes(flow.start_node):
            for action, successor in node.successors.items():
                yield node, action, successor


def label(node: BaseNode) -> str:
    """Return what a node is called."""
    name = type(node).__name__
    return str(getattr(node, "label", None) or name.removesuffix("Node").lower() or name)


def _cannot_be_walked(node: BaseNode) -> str | None:
    yields = isgeneratorfunction(node.exec)
    if isinstance(node, AsyncNode):
        return "is an AsyncNode: nodes have no colour here, their exec yields effects"
    if isinstance(node, BatchFlow) or (yields and isinstance(node, BatchNode)):
        return "is a batch: an exec that yields effects.Together does several things at once"
    if yields and getattr(node, "max_retries", 1) > 1:
        return "has max_retries, which a node that yields effects cannot have"
    return None


def _visit(node: BaseNode, shared: Any) -> Core[Any]:
    prepared = node.prep(shared)
    if isinstance(node, Flow):
        done = yield from walk(node, shared)
    elif isgeneratorfunction(node.exec):
        done = yield from node.exec(prepared)
    else:
        done = node._exec(prepared)  # noqa: SLF001 - where PocketFlow keeps its retries
    return node.post(shared, prepared, done)


def _next(node: BaseNode, action: Any) -> BaseNode | None:
    if not node.successors:
        return None
    successor = node.successors.get(action or "default")
    if successor is None:
        raise GraphNotClosed(f"{label(node)} returned {action!r}; there are edges for {', '.join(node.successors)}")
    return successor


def _nodes(start: BaseNode) -> list[BaseNode]:
    found = [start]
    for node in found:
        if not isinstance(node, BaseNode):
            raise GraphNotClosed(f"an edge leads to {a_kind(node)}, which is no node; each edge has its own line")
        found += [successor for successor in node.successors.values() if successor not in found]
    return found
