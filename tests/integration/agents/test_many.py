"""One agent, two hundred runs at once: each gets its own answer, from its own tools and its own state."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import FunctionCompletion, InMemoryRecorder

RUNS = 200


def _decide(request: CompletionRequest) -> lmb.AssistantMessage:
    """Ask for two tools twice, then say what they said."""
    question = next(message.text for message in request.messages if isinstance(message, lmb.UserMessage))
    told = [message.text for message in request.messages if isinstance(message, lmb.ToolMessage)]
    if len(told) == 4:
        return lmb.assistant(" ".join(told))
    ids = [f"c{len(told)}", f"c{len(told) + 1}"]
    arguments = f'{{"text": "{question}-{len(told)}"}}'
    calls = [lmb.ToolCall(id_, name, arguments) for id_, name in zip(ids, ("shout", "whisper"), strict=True)]
    return lmb.AssistantMessage("", tool_calls=tuple(calls))


@lmb.tool
def shout(text: str, context: lmb.RunContext[list[str]]) -> str:
    """Say it loudly."""
    context.state.append(text)
    return text.upper()


@lmb.tool
async def whisper(text: str, context: lmb.RunContext[list[str]]) -> str:
    """Say it softly."""
    await asyncio.sleep(0)
    context.state.append(text)
    return f"({text})"


def _in_threads(bot: Any, one: Callable[..., Any]) -> list[Any]:
    ready = threading.Barrier(20)

    def work(number: int) -> Any:
        if number < 20:
            ready.wait()
        return one(bot, number)

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(work, range(RUNS)))


def _in_tasks(bot: Any, one: Callable[..., Any]) -> list[Any]:
    async def work() -> list[Any]:
        return await asyncio.gather(*[one(bot, number) for number in range(RUNS)])

    return asyncio.run(work())


@pytest.mark.parametrize(("kind", "go"), [(lmb.AgentBot, _in_threads), (lmb.AsyncAgentBot, _in_tasks)])
def test_two_hundred_runs_of_one_agent_each_get_their_own_answer(kind: Any, go: Any) -> None:
    recorder = InMemoryRecorder()
    bot = kind("Repeat.", tools=[shout, whisper], completion=FunctionCompletion(_decide), recorder=recorder)
    states: list[list[str]] = [[] for _ in range(RUNS)]
    results = go(bot, lambda bot, number: bot.run(f"q{number}", state=states[number]))
    for number, result in enumerate(results):
        assert result.text == f"Q{number}-0 (q{number}-0) Q{number}-2 (q{number}-2)"
        assert sorted(states[number]) == [f"q{number}-0", f"q{number}-0", f"q{number}-2", f"q{number}-2"]
        assert lmb.read_trace(recorder.events(result.run_id)).messages == result.messages
    assert len({result.run_id for result in results}) == RUNS


def test_agents_that_share_a_tool_and_a_decide_node_do_not_meet() -> None:
    decide = lmb.DecideNode()
    first, second = (
        lmb.AgentBot(prompt, tools=tools, decide=decide, completion=FunctionCompletion(_decide), recorder=None)
        for prompt, tools in [("One.", [shout, whisper]), ("Two.", [whisper, shout])]
    )
    assert decide.successors == {}
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda n: (first, second)[n % 2](f"q{n}", state=[]).text, range(40)))
    assert texts == [f"Q{n}-0 (q{n}-0) Q{n}-2 (q{n}-2)" for n in range(40)]
    assert first.mermaid().count("whisper") == second.mermaid().count("whisper")
