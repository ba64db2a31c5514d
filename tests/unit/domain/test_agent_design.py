"""The design of the agent and the tests that show it are kept in step."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import Any

import pytest
from pocketflow import Flow
from tests.project import ROOT, tree

import llamabot as lmb

DESIGN = (ROOT / "docs" / "designs" / "agentbot.md").read_text(encoding="utf-8")
REQUIREMENTS = re.findall(r"^- \*\*(AGENT-[A-Z]+-\d{3})\*\* (.*?)(?=^- |^#|\Z)", DESIGN, re.MULTILINE | re.DOTALL)
LINKED = re.compile(r"\[`([\w/]+\.py)::(test_\w+)`\]\(\.\./\.\./tests/\1\)")
EARS = re.compile(r"(When|While|If|Where|The agent) .*\bshall\b", re.DOTALL)
PICTURE = re.compile(r"```mermaid\n(flowchart .*?)\n```", re.DOTALL)


@cache
def _tests_of(path: str) -> set[str]:
    return {node.name for node in ast.walk(tree(ROOT / "tests" / path)) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("number", "text"), REQUIREMENTS, ids=[number for number, _ in REQUIREMENTS])
def test_links_each_requirement_to_a_test_that_there_is(number: str, text: str) -> None:
    links = LINKED.findall(text)
    assert links
    assert [f"{path}::{name}" for path, name in links if name not in _tests_of(path)] == []
    assert EARS.match(text)


def test_numbers_the_requirements_without_gaps() -> None:
    assert len(REQUIREMENTS) == DESIGN.count("**AGENT-") >= 50
    counted: dict[str, int] = {}
    for number, _ in REQUIREMENTS:
        kind, _, digits = number.rpartition("-")
        counted[kind] = counted.get(kind, 0) + 1
        assert int(digits) == counted[kind]


@pytest.mark.parametrize(
    "concept",
    [
        *("decide", "tools", "at_once", "graph", "limits", "streams"),
        *("resume", "approvals", "stopping", "replay"),
    ],
)
def test_links_every_test_of_what_an_agent_does(concept: str) -> None:
    linked = {name for _, text in REQUIREMENTS for _, name in LINKED.findall(text)}
    tests = {name for name in _tests_of(f"unit/domain/test_agent_{concept}.py") if name.startswith("test_")}
    assert tests
    assert tests <= linked


def test_shows_the_picture_that_the_agent_draws() -> None:
    def search(query: str) -> str:
        return query

    def compute(formula: str) -> str:
        return formula

    (picture,) = PICTURE.findall(DESIGN)
    assert picture == lmb.AgentBot(tools=[search, compute]).mermaid()
    assert picture == lmb.AsyncAgentBot(tools=[search, compute]).mermaid()


def test_draws_a_graph_of_the_users_own_from_its_edges_whatever_it_is_called() -> None:
    class Odd(lmb.EndNode):
        label = '"]; click <b>&'

    start = lmb.DecideNode()
    start - "(calls)" >> lmb.ToolsNode() >> start
    start - "(answer)" >> Odd()
    start.successors["(calls)"] - "(ended)" >> lmb.EndNode()
    agent = lmb.AgentBot(graph=Flow(start=start))
    assert len(agent.mermaid().splitlines()) == 1 + 4
    assert '["&quot;]; click &lt;b&gt;&amp;"]' in agent.mermaid()


@pytest.mark.parametrize("kind", [lmb.AgentBot, lmb.AsyncAgentBot])
@pytest.mark.parametrize("name", ["decide", "graph"])
@pytest.mark.parametrize("given", [lmb.DecideNode, Flow, "decide", 5])
def test_what_is_no_node_and_no_graph_is_refused_when_the_agent_is_made(kind: Any, name: str, given: Any) -> None:
    """The class of a node instead of a node is a slip that is soon made."""
    with pytest.raises(lmb.errors.ConfigurationError, match=f"{name}= is a"):
        kind(**{name: given})
