"""A bot as a tool of another: what the model sees of it, what it is told, and which run it is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.domain.outputs import Person

import llamabot as lmb
from llamabot.domain.as_tool import child_id
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


def _offered(bot: Any, *named: str) -> lmb.ToolSpec:
    """Return the tool as a model sees it."""
    model = ScriptedCompletion(["done"])
    lmb.AgentBot("", tools=[bot.as_tool(*named)], completion=model, recorder=InMemoryRecorder()).run("go")
    (tool,) = model.requests[0].tools
    return tool


def _answered(bot: Any) -> str:
    """Return what a model is told that asks the bot."""
    model = ScriptedCompletion(
        [lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("1", "clerk", '{"question": "?"}'),)), "done"]
    )
    tool = bot.as_tool("clerk")
    lmb.AgentBot("", tools=[tool], completion=model, recorder=InMemoryRecorder()).run("go")
    return model.requests[1].messages[-1].text


@pytest.mark.parametrize(
    ("bot", "named", "name"),
    [
        (lmb.SimpleBot("You count."), (), "SimpleBot"),
        (lmb.SimpleBot("You count.", name="count von Count"), (), "count_von_Count"),
        (lmb.SimpleBot("You count.", name="a" * 65), (), "a" * 64),
        (lmb.SimpleBot("You count.", name="count"), ("ledger",), "ledger"),
    ],
)
def test_is_called_what_it_is_named(bot: Any, named: tuple[str, ...], name: str) -> None:
    assert _offered(bot, *named).name == name


def test_is_described_by_its_prompt_unless_it_is_told_how() -> None:
    assert _offered(lmb.SimpleBot("You count. ")).description == "Ask another assistant. You count."
    assert _offered(lmb.SimpleBot()).description == "Ask another assistant."
    for kind in (lmb.SimpleBot, lmb.AsyncSimpleBot):
        assert _offered(kind("You count."), "ledger", "Count sheep.").description == "Count sheep."


def test_tells_the_text_of_a_message_and_the_value_of_anything_else() -> None:
    completion = ScriptedCompletion(["Three.", '{"name": "Ana", "age": 3}'])
    assert _answered(lmb.SimpleBot("", completion=completion)) == "Three."
    assert (
        _answered(lmb.StructuredBot("", output=Person, completion=completion))
        == '{"name":"Ana","age":3,"nickname":null}'
    )


def test_the_run_inside_is_the_same_wherever_the_same_call_asks_the_same() -> None:
    """Logs hold such ids for years, so they are written down here."""
    context = lmb.RunContext(run_id="run", call_id="1", idempotency_key="key", state=None)
    assert child_id(context, "How many?") == "7337d26fb78230e9f93af868a0eb"
    assert child_id(context, "half a \ud800") == child_id(context, "half a ?")
