"""What an agent tells as it happens. The design links to this test."""

from __future__ import annotations

from tests.unit.domain.agents import THREE, add
from tests.unit.domain.asking import agent_of


def test_a_stream_tells_what_happens_as_it_happens() -> None:
    agent, _ = agent_of(*THREE, tools=[add])
    with agent.stream("?") as events:
        names = [type(event).__name__ for event in events]
    assert names == ["Decided", "ToolStarted", "ToolFinished", "TextDelta", "Finished"]
