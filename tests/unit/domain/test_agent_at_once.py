"""Several calls of one decision. The design links to these tests."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest
from tests.unit.domain.asking import agent_of, asks, told

import llamabot as lmb
from llamabot.testing import ScriptedCompletion


def _meeting(count: int) -> threading.Barrier:
    return threading.Barrier(count, timeout=10)


def test_calls_of_one_decision_run_at_once_in_a_copy_of_the_context() -> None:
    meeting, user = _meeting(4), ContextVar("user", default="nobody")

    def meet() -> str:
        meeting.wait()
        return user.get()

    agent, _ = agent_of(asks(*[("meet", {})] * 4), "met", tools=[meet])
    user.set("ana")
    assert told(agent.run("?").messages) == ["ana"] * 4


def test_results_go_back_in_the_order_of_the_calls_and_are_told_as_they_end() -> None:
    second_is_told = threading.Event()

    def slow() -> str:
        second_is_told.wait(10)
        return "slow"

    def quick() -> str:
        return "quick"

    agent, model = agent_of(asks(("slow", {}), ("quick", {})), "both", tools=[slow, quick])
    finished = []
    with agent.stream("?") as events:
        for event in events:
            if isinstance(event, lmb.ToolFinished):
                finished.append(event.result.text)
                second_is_told.set()
    assert finished == ["quick", "slow"]
    assert told(model.requests[1].messages) == ["slow", "quick"]


@pytest.mark.parametrize("flag", ["sequential", "terminal"])
def test_a_tool_that_wants_to_be_alone_is(flag: str) -> None:
    running: set[str] = set()
    company: list[set[str]] = []

    def work(name: str) -> str:
        running.add(name)
        time.sleep(0.02)
        running.discard(name)
        return name

    options: Any = {flag: True}

    @lmb.tool(**options)
    def alone() -> str:
        """Be alone."""
        company.append(set(running))
        return "alone"

    calls = [("work", {"name": "1"}), ("work", {"name": "2"}), ("alone", {}), ("work", {"name": "3"})]
    agent, _ = agent_of(asks(*calls), "well", tools=[work, alone])
    agent("?")
    assert company == [set()]


def test_a_lone_sync_tool_runs_on_the_callers_thread() -> None:
    threads = []

    def where() -> None:
        threads.append(threading.current_thread())

    agent, _ = agent_of(asks(("where", {})), "there", tools=[where])
    agent("?")
    assert threads == [threading.current_thread()]


def test_sync_tools_of_an_async_agent_do_not_block_its_loop() -> None:
    go = threading.Event()

    def wait() -> str:
        return "went" if go.wait(10) else "stuck"

    async def main() -> str:
        agent = lmb.AsyncAgentBot(tools=[wait], completion=ScriptedCompletion([asks(("wait", {})), "done"]))
        running = asyncio.create_task(agent.run("?"))
        await asyncio.sleep(0.02)
        go.set()  # only if the loop still turns
        return told((await running).messages)[0]

    assert asyncio.run(main()) == "went"


def test_async_tools_of_a_sync_agent_meet_on_one_loop_even_inside_a_loop() -> None:
    loops, both = [], asyncio.Barrier(2)

    async def meet() -> str:
        loops.append(asyncio.get_running_loop())
        await asyncio.wait_for(both.wait(), 10)
        return "met"

    async def main() -> list[str]:
        agent, _ = agent_of(asks(("meet", {}), ("meet", {})), "done", tools=[meet])
        return told(agent.run("?").messages)

    assert asyncio.run(main()) == ["met", "met"]
    assert loops[0] is loops[1]
