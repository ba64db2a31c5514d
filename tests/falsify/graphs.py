"""Agents that are wrong: graphs with one node that does not do what it should."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import msgspec
import pocketflow
from tests.falsify.bots import PROMPT
from tests.falsify.wrong import bot

import llamabot as lmb
from llamabot.testing.laws import check_bot

replaced: Any = msgspec.structs.replace


@lmb.tool
def look(day: int) -> str:
    """Look."""
    return str(day)


@lmb.tool
def pay(euros: int) -> str:
    """Pay."""
    return str(euros)


def graph(decide: Any, tools: Any) -> Any:
    """Return the reference graph with nodes of one's own."""
    end = lmb.EndNode()
    decide - "(calls)" >> tools
    decide - "(answer)" >> end
    tools - "default" >> decide
    tools - "(ended)" >> end
    return pocketflow.Flow(start=decide)


def trial(
    make_decide: Callable[..., Any] = lmb.DecideNode, make_tools: Callable[..., Any] = lmb.ToolsNode
) -> Callable[..., None]:
    """Try agents of both colours with these nodes; a node that is made with arguments is given the world."""

    def make(kind: Any) -> Callable[..., Any]:
        def made(**given: Any) -> Any:
            nodes = [node(given) if hasattr(node, "takes_the_world") else node() for node in (make_decide, make_tools)]
            return kind(PROMPT, graph=graph(*nodes), **given)

        return made

    return partial(check_bot, make(lmb.AgentBot), make(lmb.AsyncAgentBot), tools=[look, pay])


class WithWorld:
    """What a node has that goes past the effects.

    Args:
        given: the arguments of the agent.
    """

    takes_the_world = True

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.given = given


@bot
def limits_not_passed_on() -> Callable[..., None]:
    """Takes limits, and does not pass them on to the agent that it is made of."""

    def make(limits: Any = None, **settings: Any) -> Any:
        return lmb.AgentBot(PROMPT, **settings)

    return partial(check_bot, make, tools=[look, pay])


@bot
def transcript_in_the_node() -> Callable[..., None]:
    """Gathers the transcript in a list of the node, which every call shares."""

    class Gathering(lmb.DecideNode):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def prep(self, shared: Any) -> Any:
            self.seen += shared.messages[len(self.seen) :] if self.seen else shared.messages
            return shared.request, tuple(self.seen)

    return trial(Gathering)


@bot
def counts_in_the_class() -> Callable[..., None]:
    """Counts its decisions in the class, and stops offering tools after three of all calls."""
    counted = count()

    class Counting(lmb.DecideNode):
        def prep(self, shared: Any) -> Any:
            request, messages = super().prep(shared)
            return (request if next(counted) < 3 else replaced(request, tools=())), messages

    return trial(Counting)


@bot
def asks_behind_the_log() -> Callable[..., None]:
    """Asks the model by itself, without an effect, so that an answer that was paid is paid again."""

    class Direct(WithWorld, lmb.DecideNode):
        def exec(self, prep_res: Any) -> Any:
            request, messages = prep_res
            return self.given["completion"].complete(replaced(request, messages=messages))

    return trial(Direct)


@bot
def forgets_the_beginning() -> Callable[..., None]:
    """Sends the last three messages alone, which parts results from their calls."""

    class Short(lmb.DecideNode):
        def prep(self, shared: Any) -> Any:
            request, messages = super().prep(shared)
            return request, (*messages[:1], *messages[1:][-3:])

    return trial(Short)


@bot
def reads_the_clock() -> Callable[..., None]:
    """Tells the model the time by itself."""

    class Timed(lmb.DecideNode):
        def prep(self, shared: Any) -> Any:
            request, messages = super().prep(shared)
            return request, (*messages, lmb.user(f"It is {time.time_ns()}."))

    return trial(Timed)


@bot
def resume_repeats_a_tool() -> Callable[..., None]:
    """Runs tools by itself, without an effect, so that a run that goes on runs them again."""

    class Direct(WithWorld, lmb.ToolsNode):
        def exec(self, prep_res: Any) -> Any:
            [box] = self.given["tools"]
            return [box.call(call, _context(call)) for call in prep_res.calls]

    return trial(make_tools=Direct)


def _context(call: Any) -> Any:
    return lmb.RunContext(run_id="run", call_id=call.id, idempotency_key=uuid.uuid4().hex, state=None)


@bot
def failures_left_out() -> Callable[..., None]:
    """Tells the model nothing of tools that failed."""

    class Silent(lmb.ToolsNode):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
            return super().post(shared, prep_res, [result for result in exec_res if not result.is_error])

    return trial(make_tools=Silent)


@bot
def first_call_only() -> Callable[..., None]:
    """Runs the first call of a decision, and leaves the others without an answer."""

    class First(lmb.ToolsNode):
        def exec(self, prep_res: Any) -> Any:
            prep_res.calls = prep_res.calls[:1]
            return (yield from super().exec(prep_res))

    return trial(make_tools=First)


@bot
def results_under_the_name() -> Callable[..., None]:
    """Answers with the tool's name in the place of the call's id."""

    class Named(lmb.ToolsNode):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
            named = [replaced(result, call_id=call.name) for call, result in zip(shared.calls, exec_res, strict=True)]
            return super().post(shared, prep_res, named)

    return trial(make_tools=Named)


@bot
def ids_from_one_on() -> Callable[..., None]:
    """Numbers the calls of each decision from 1 on."""

    class Numbering(lmb.DecideNode):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
            calls = [replaced(call, id=str(n)) for n, call in enumerate(exec_res.message.tool_calls, 1)]
            message = replaced(exec_res.message, tool_calls=tuple(calls))
            return super().post(shared, prep_res, replaced(exec_res, message=message))

    return trial(Numbering)


@bot
def results_as_the_user() -> Callable[..., None]:
    """Tells the model of results as if the user said them."""

    class Quoting(lmb.ToolsNode):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
            action = super().post(shared, prep_res, exec_res)
            shared.messages[-len(exec_res) :] = [lmb.user(result.text) for result in exec_res]
            return action

    return trial(make_tools=Quoting)


@bot
def interruption_is_a_failure() -> Callable[..., None]:
    """Takes a cancellation for a failure of the tools, and goes on."""

    class Tough(lmb.ToolsNode):
        def exec(self, prep_res: Any) -> Any:
            try:
                return (yield from super().exec(prep_res))
            except lmb.errors.LlamabotError:
                raise
            except BaseException:
                return [lmb.ToolResult(call.id, "no", is_error=True) for call in prep_res.calls]

    return trial(make_tools=Tough)


@bot
def cancelled_task_goes_on() -> Callable[..., None]:
    """Answers with an apology where its task was cancelled, and ends well."""

    class Sorry(lmb.DecideNode):
        def exec(self, prep_res: Any) -> Any:
            try:
                return (yield from super().exec(prep_res))
            except asyncio.CancelledError:
                return lmb.Completion(lmb.AssistantMessage("Sorry."), lmb.FinishReason.STOP)

    return partial(check_bot, lambda **given: lmb.AsyncAgentBot(PROMPT, decide=Sorry(), **given), tools=[look, pay])


@bot
def limit_swallowed() -> Callable[..., None]:
    """Takes a limit that is reached for a failure of the tools, and goes on."""

    class Tough(lmb.ToolsNode):
        def exec(self, prep_res: Any) -> Any:
            try:
                return (yield from super().exec(prep_res))
            except lmb.errors.LimitReached:
                return [lmb.ToolResult(call.id, "no", is_error=True) for call in prep_res.calls]

    return trial(make_tools=Tough)


@bot
def one_decision_more() -> Callable[..., None]:
    """Asks once more, behind the log, where the last limit is reached."""

    class Greedy(WithWorld, lmb.DecideNode):
        def exec(self, prep_res: Any) -> Any:
            try:
                return (yield from super().exec(prep_res))
            except lmb.errors.LimitReached:
                request, messages = prep_res
                return self.given["completion"].complete(replaced(request, messages=messages))

    return trial(Greedy)


@bot
def answer_not_in_the_transcript() -> Callable[..., None]:
    """Leaves the model's calls out of the transcript."""

    class Quiet(lmb.DecideNode):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
            action = super().post(shared, prep_res, exec_res)
            if shared.calls:
                shared.messages.pop()
            return action

    return trial(Quiet)
