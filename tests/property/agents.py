"""Scripted models, agents of both colours, recorders that die, and what holds for transcripts and logs."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st
from tests.property.toolboxes import NAMES, Kit, answer_to

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason, ToolCallFragment, Usage
from llamabot.ports.recorder import EffectFinished, EffectStarted, RunEvent
from llamabot.testing import CountingIds, TickingClock
from llamabot.testing.laws import Dying, Killed

__all__ = [
    "AGENTS",
    "COLOURS",
    "Decision",
    "Dying",
    "Killed",
    "Model",
    "agent",
    "answers_for",
    "assert_done_once",
    "assert_valid",
    "decisions",
    "finish",
    "replay",
    "resume",
    "run",
    "scripts",
    "settlement",
    "whole",
]

AGENTS = {"sync": lmb.AgentBot, "async": lmb.AsyncAgentBot}
COLOURS = tuple(AGENTS)
PAUSES = (lmb.errors.ApprovalNeeded, lmb.errors.ToolOutcomeUnknown)


class Decision(msgspec.Struct, frozen=True):
    """What the model says at one turn.

    Attributes:
        calls: id, name and arguments of each call.
        fails: the provider fails the first time that it is asked.
    """

    text: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    fails: bool = False

    def completion(self) -> Completion:
        calls = tuple(lmb.ToolCall(*call) for call in self.calls)
        reason = FinishReason.TOOL_CALLS if calls else FinishReason.STOP
        return Completion(lmb.AssistantMessage(self.text, tool_calls=calls), reason, Usage(3, 2), 1 / 64)


class Model:
    """A model that says what its script has for as many turns as the transcript shows; the rest of them is "done".

    Every transcript that it is sent is checked.

    Attributes:
        asked: the requests so far.
    """

    def __init__(self, script: Sequence[Decision], on_ask: Callable[[int], Any] | None = None) -> None:
        self.asked: list[CompletionRequest] = []
        self._script = script
        self._on_ask = on_ask
        self._failed: set[int] = set()
        self._lock = threading.Lock()

    def complete(self, request: CompletionRequest) -> Completion:
        assert_valid(request.messages)
        turns = self._turn(request)
        with self._lock:
            self.asked.append(request)
        if self._on_ask is not None:
            self._on_ask(turns)
        decision = self._script[turns] if turns < len(self._script) else Decision("done")
        if decision.fails and turns not in self._failed:
            self._failed.add(turns)
            raise lmb.errors.ProviderUnavailable("the provider is away")
        return decision.completion()

    def stream(self, request: CompletionRequest) -> Any:
        completion = self.complete(request)
        message = completion.message
        yield lmb.CompletionChunk(text=message.text)
        for index, call in enumerate(message.tool_calls):
            yield lmb.CompletionChunk(tool_calls=(ToolCallFragment(index, call.id, call.name, call.arguments),))
        yield lmb.CompletionChunk(finish_reason=completion.finish_reason, usage=completion.usage, cost_usd=1 / 64)

    async def acomplete(self, request: CompletionRequest) -> Completion:
        await asyncio.sleep(0)
        return self.complete(request)

    async def astream(self, request: CompletionRequest) -> Any:
        for chunk in self.stream(request):
            await asyncio.sleep(0)
            yield chunk

    def capabilities(self, model: str) -> lmb.ModelCapabilities:
        return lmb.ModelCapabilities(priced=True)

    def _turn(self, request: CompletionRequest) -> int:
        messages = request.messages
        asked = max(at for at, message in enumerate(messages) if isinstance(message, lmb.UserMessage))
        return sum(isinstance(message, lmb.AssistantMessage) for message in messages[asked:])


def agent(colour: str, model: Any, toolbox: Any, recorder: Any, **settings: Any) -> Any:
    """Return an agent, made anew as another process would."""
    parts: dict[str, Any] = {"clock": TickingClock(), "ids": CountingIds(), **settings}
    prompt = parts.pop("prompt", "Act.")
    return AGENTS[colour](prompt, tools=[toolbox], name="agent", completion=model, recorder=recorder, **parts)


def run(bot: Any, question: str = "go", **call: Any) -> Any:
    """Run an agent of either colour."""
    return _whatever(bot.run(question, **call))


def resume(bot: Any, run_id: str, **call: Any) -> Any:
    """Resume an agent of either colour."""
    return _whatever(bot.resume(run_id, **call))


def replay(bot: Any, recording: Any) -> Any:
    """Replay with an agent of either colour."""
    return _whatever(bot.replay(recording))


def _whatever(given: Any) -> Any:
    return asyncio.run(_awaited(given)) if asyncio.iscoroutine(given) else given


async def _awaited(given: Any) -> Any:
    return await given


def finish(make: Callable[[], Any], run_id: str, settled: dict[str, Any] | None = None, **call: Any) -> Any:
    """Resume a run until it is completed, answering whatever it waits for."""
    settled = settled or {}
    for _ in range(60):
        try:
            return resume(make(), run_id, **settled, **call)
        except PAUSES as error:
            assert_valid(error.messages)
            settled = settlement(error)
        except lmb.errors.PortError as error:
            assert_valid(error.messages)
            settled = {}
    raise AssertionError("the run comes to no end")


def whole(make: Callable[[], Any], question: str = "go") -> Any:
    """Run an agent until it is completed, answering whatever it waits for."""
    try:
        return run(make(), question)
    except (*PAUSES, lmb.errors.PortError) as error:
        assert_valid(error.messages)
        return finish(make, str(error.run_id), settlement(error))


def settlement(error: BaseException) -> dict[str, Any]:
    """Return what a pause asks for: always the same answers."""
    if isinstance(error, lmb.errors.ApprovalNeeded):
        return {"approvals": answers_for(error.calls)}
    if isinstance(error, lmb.errors.ToolOutcomeUnknown):
        return {"outcomes": {call.id: answer_to(call).text for call in error.calls}}
    return {}


def answers_for(calls: Iterable[lmb.ToolCall]) -> dict[str, Any]:
    """Return a yes, a no, or a yes to other arguments, by the length of the id."""
    answers = (True, lmb.Denied("too dear", by="ana"), lmb.Approved(by="ben", arguments={"question": "less"}))
    return {call.id: answers[len(call.id) % 3] for call in calls}


def assert_valid(messages: Iterable[lmb.Message]) -> None:
    """Check what providers demand: each call is answered once, in order, before anything else is said."""
    waiting: list[str] = []
    seen: set[str] = set()
    for message in messages:
        if isinstance(message, lmb.ToolMessage):
            assert waiting, "an answer to no call"
            assert message.call_id == waiting.pop(0)
            continue
        assert not waiting, f"calls without their answers: {waiting}"
        if isinstance(message, lmb.AssistantMessage):
            waiting = [call.id for call in message.tool_calls]
            assert all(waiting), "a call without an id"
            assert len(set(waiting)) == len(waiting), "two calls have one id"
            assert not seen & set(waiting), "an id is used again"
            seen.update(waiting)
    assert not waiting, f"calls without their answers: {waiting}"


def assert_done_once(events: Sequence[RunEvent], kit: Kit) -> None:
    """Check that nothing that had an outcome was done again, and that what was done again had its key."""
    given = Counter(event.path for event in events if isinstance(event, EffectFinished) and event.error is None)
    assert all(count == 1 for count in given.values()), given
    started = Counter(event.path for event in events if isinstance(event, EffectStarted))
    ran = Counter((call_id, key) for call_id, key in kit.ran if key.partition(":")[0] == next(iter(events)).run_id)
    assert len({call_id for call_id, _ in ran}) == len(ran), "a call was made under two keys"
    for (_, key), count in ran.items():
        assert count <= started[key.partition(":")[2]], "a tool ran without a start in the log"


_IDS = st.sampled_from(["a", "b", "cc", "ddd", "eeee", "a-2", ""])
_ARGUMENTS = st.sampled_from(['{"question": "x"}', '{"question": ', ""])


def decisions(names: Sequence[str] = NAMES, fails: bool = True) -> st.SearchStrategy[Decision]:
    """A turn of the model: text, and calls of these tools, ids repeated and empty among them."""
    call = st.tuples(_IDS, st.sampled_from(names), _ARGUMENTS)
    calls = st.lists(call, min_size=1, max_size=4).map(tuple)
    return st.builds(Decision, st.sampled_from(["", "so"]), calls, st.sampled_from([False] * 4 + [fails]))


def scripts(names: Sequence[str] = NAMES, fails: bool = True, max_size: int = 4) -> st.SearchStrategy[list[Decision]]:
    """What the model says at its turns."""
    return st.lists(decisions(names, fails), max_size=max_size)
