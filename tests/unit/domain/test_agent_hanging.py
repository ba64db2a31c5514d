"""Tools that take their time, and where they run."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.property.agents import assert_valid
from tests.unit.domain.behaving import act, both, calls, told, total

import llamabot as lmb
from llamabot.testing import ScriptedCompletion


@both
@pytest.mark.parametrize("tools", [1, 2])
def test_a_tool_that_hangs_is_an_answer_after_its_time(kind: Any, tools: int) -> None:
    heard, cancelled = threading.Event(), threading.Event()

    @lmb.tool(timeout_s=0.05)
    def hang(context: lmb.RunContext[Any]) -> str:
        """Hang until told."""
        context.cancellation.on_cancel(heard.set)
        heard.wait(20)
        return "too late"

    @lmb.tool(timeout_s=0.05)
    async def ahang() -> str:
        """Hang."""
        try:
            await asyncio.sleep(20)
        finally:
            cancelled.set()
        return "too late"

    made = [("a", "hang", "{}"), ("b", "ahang", "{}")]
    if tools == 2:
        result = act(kind, [hang, ahang], calls(*made), "so")
    else:
        result = act(kind, [hang, ahang], calls(made[0]), calls(made[1]), "so")
    assert [is_error for _, is_error in told(result)] == [True, True]
    assert all("did not answer within 0.05 seconds" in text for text, _ in told(result))
    assert heard.wait(5)
    assert cancelled.wait(5)


@both
@pytest.mark.parametrize("own_s", [None, 60])
def test_a_deadline_ends_the_tool_in_flight_and_the_run(kind: Any, own_s: float | None) -> None:
    heard, over, returned = threading.Event(), threading.Event(), threading.Event()

    @lmb.tool(timeout_s=own_s)
    def hang(context: lmb.RunContext[Any]) -> str:
        """Hang, and hear what one is told."""
        context.cancellation.on_cancel(heard.set)
        over.wait(20)
        returned.set()
        return "too late"

    with pytest.raises(lmb.errors.LimitReached) as reached:
        act(kind, [hang], calls(("a", "hang", "{}")), "never", limits=lmb.Limits(deadline_s=0.2))
    assert not returned.is_set(), "the run has waited for it"
    over.set()
    assert reached.value.limit == "deadline_s"
    assert_valid(reached.value.messages)
    assert heard.wait(5)


def test_a_sync_agent_works_in_a_running_loop() -> None:
    async def notebook() -> Any:
        return act(lmb.AgentBot, [total], calls(("a", "total", '{"numbers": [1]}')), "so")

    assert told(asyncio.run(notebook())) == [("1", False)]


def test_a_lone_sync_tool_runs_on_the_callers_thread_and_several_do_not() -> None:
    seen: list[threading.Thread] = []

    @lmb.tool
    def where() -> str:
        """Look."""
        seen.append(threading.current_thread())
        return ""

    act(lmb.AgentBot, [where], calls(("a", "where", "{}")), calls(("b", "where", "{}"), ("c", "where", "{}")), "so")
    assert seen[0] is threading.current_thread()
    assert threading.current_thread() not in seen[1:]


def test_sync_tools_do_not_block_the_loop_of_an_async_agent() -> None:
    freed = threading.Event()

    @lmb.tool
    def wait() -> str:
        """Wait for the loop."""
        return str(freed.wait(20))

    async def go() -> Any:
        bot = lmb.AsyncAgentBot(tools=[wait], completion=ScriptedCompletion([calls(("a", "wait", "{}")), "so"]))
        task = asyncio.create_task(bot.run("go"))
        while not freed.is_set():
            await asyncio.sleep(0.01)
            freed.set()
        return await task

    assert told(asyncio.run(go())) == [("True", False)]


@both
def test_a_tool_that_awaits_what_was_cancelled_has_failed_and_the_run_goes_on(kind: Any) -> None:
    """Nobody has cancelled the run."""

    @lmb.tool
    async def wait() -> str:
        """Wait for something that will not come."""
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future
        return ""

    @lmb.tool
    def give_up() -> str:
        """Give up."""
        raise asyncio.CancelledError("it was cancelled elsewhere")

    two = calls(("1", "wait", "{}"), ("2", "give_up", "{}"))
    result = act(kind, [wait, give_up], two, calls(("3", "wait", "{}")), calls(("4", "give_up", "{}")), "done")
    waited, gave_up = (
        ("wait failed: CancelledError", True),
        ("give_up failed: CancelledError: it was cancelled elsewhere", True),
    )
    assert told(result) == [waited, gave_up, waited, gave_up]
    assert result.text == "done"
