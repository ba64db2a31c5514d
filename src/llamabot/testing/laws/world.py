"""The world that a bot is tried in: a model that behaves, tools that echo, a log, and all that was seen there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from llamabot.adapters.fake.clock import TickingClock
from llamabot.adapters.fake.completion import FunctionCompletion
from llamabot.adapters.fake.ids import CountingIds
from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.adapters.fake.toolbox import EchoToolbox
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult
from llamabot.testing.behaviour import Behaviour
from llamabot.testing.laws.broken import Broken

__all__ = ["RUN", "Untouchable", "World"]

RUN = "run-1"
"""The id of the first run in a world."""
_MOST_REQUESTS = 200
"""Eight times as many as an agent may make by default."""


class World:
    """What one bot is given.

    Args:
        behaviour: of the model.
        tools: that its toolbox offers; without any the bot gets no toolbox.
        on_event: called with each request and each call, before it is answered.

    Attributes:
        model: notes its requests.
        box: notes which calls it ran, and under which key.
        store: the durable log.
    """

    def __init__(
        self, behaviour: Behaviour, tools: Sequence[Tool] = (), on_event: Callable[[Any], Any] = lambda _: None
    ) -> None:
        self.model = _Model(behaviour, on_event)
        self.box = _Box(tools, on_event)
        self.store = InMemoryRecorder(durable=True)
        self._tools = tuple(tools)

    def ports(self, **others: Any) -> dict[str, Any]:
        """Return what a bot is made with: ports of this world, and others in their place or beside them."""
        ports: dict[str, Any] = {
            "completion": self.model,
            "recorder": self.store,
            "clock": TickingClock(),
            "ids": CountingIds(),
        }
        if self._tools:
            ports["tools"] = [self.box]
        return {**ports, **others}

    def answer(self, call: ToolCall) -> ToolResult:
        """Return what the toolbox says to a call, without a note of it."""
        context = RunContext(run_id=RUN, call_id=call.id, idempotency_key="", state=None)
        return EchoToolbox(self._tools).call(call, context)


class _Model(FunctionCompletion):
    """Behaves, and lets other tasks have their turn where it is awaited."""

    def __init__(self, behaviour: Behaviour, on_event: Callable[[Any], Any]) -> None:
        plain = behaviour.completion()

        def answer(request: CompletionRequest) -> Completion:
            if len(self.replies) == _MOST_REQUESTS:
                raise Broken(
                    f"the bot does not end: it has asked the model {_MOST_REQUESTS} times, whatever its limits"
                )
            on_event(request)
            completion = behaviour.turn(request).reply()
            self.replies.append(completion)
            return completion

        super().__init__(answer, capabilities=plain.capabilities(""))
        self.replies: list[Completion] = []

    async def acomplete(self, request: CompletionRequest) -> Completion:
        await asyncio.sleep(0)
        completion = self.complete(request)
        await asyncio.sleep(0)
        return completion

    async def astream(self, request: CompletionRequest) -> AsyncGenerator[CompletionChunk, None]:
        for chunk in self.stream(request):
            await asyncio.sleep(0)
            yield chunk


class _Box(EchoToolbox):
    def __init__(self, tools: Sequence[Tool], on_event: Callable[[Any], Any]) -> None:
        super().__init__(tools)
        self._on_event = on_event

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        self._on_event(call)
        return result

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        await asyncio.sleep(0)
        result = self.call(call, context)
        await asyncio.sleep(0)
        return result


class Untouchable:
    """A world in which nothing may be touched but a log that is read."""

    durable = True

    def __init__(self, store: InMemoryRecorder) -> None:
        self.events = store.events

    def touched(self, *given: Any, **more: Any) -> Any:
        """Raise."""
        raise Broken("a replay touched a port: it is told from the log alone")

    complete = stream = acomplete = astream = touched
    tools = call = acall = append = claim = recall = remember = arecall = aremember = touched

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say nothing of any model."""
        return ModelCapabilities()
