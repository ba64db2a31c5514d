"""The toolbox port: tools as values, declared, asked for and answered, and who runs them.

A model sees `ToolSpec`s and asks with `ToolCall`s. A toolbox offers `Tool`s, which add how a call may be made, and
answers each call with a `ToolResult`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

__all__ = [
    "AsyncToolboxPort",
    "Cancellation",
    "RunContext",
    "StopRun",
    "Tool",
    "ToolCall",
    "ToolColour",
    "ToolResult",
    "ToolSpec",
    "ToolboxPort",
]

S = TypeVar("S")

ToolColour: TypeAlias = Literal["sync", "async", "both"]
"""How a tool may be called: `call` alone, `acall` alone, or either, each without blocking longer than it must."""


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as the model sees it.

    Attributes:
        parameters: JSON schema of an object, root inlined.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


class ToolCall(msgspec.Struct, frozen=True):
    """A call that the model asks for.

    Attributes:
        id: unique within a run.
        arguments: JSON text exactly as received; it may be malformed.
    """

    id: str
    name: str
    arguments: str


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool as a toolbox offers it.

    Attributes:
        terminal: what it returns ends the run.
        needs_approval: someone must say yes before it runs.
        idempotent: it may run again with the same idempotency key when a crash hid how it ended.
        sequential: it runs alone: after the calls before it in a decision and before those after it.
        timeout_s: seconds it may take, or None for as long as the run may.
        colour: how it may be called.
    """

    spec: ToolSpec
    terminal: bool = False
    needs_approval: bool = False
    idempotent: bool = True
    sequential: bool = False
    timeout_s: float | None = None
    colour: ToolColour = "both"

    @property
    def name(self) -> str:
        """The name that the model calls it by."""
        return self.spec.name


class ToolResult(msgspec.Struct, frozen=True):
    """The answer to one call.

    Attributes:
        call_id: of the call it answers.
        text: what the model is told: a text as it is, any other value as JSON.
        is_error: the text says what went wrong.
        ends_run: a terminal tool has returned, or a tool has raised `StopRun`.
        value: with `ends_run`: the very object, which becomes the value of the run.
    """

    call_id: str
    text: str
    is_error: bool = False
    ends_run: bool = False
    value: Any = None


class StopRun(Exception):
    """Raised by a tool to end the run: `raise lmb.StopRun(value)`.

    Attributes:
        value: becomes the value of the run.
    """

    def __init__(self, value: Any = None) -> None:
        super().__init__("a tool ended the run")
        self.value = value


class Cancellation:
    """Whether a call is still wanted; set once, seen by every thread."""

    __slots__ = ("_stops", "told")

    def __init__(self) -> None:
        self.told = False
        self._stops: list[Callable[[], object]] = []

    def cancel(self) -> None:
        """Say that nobody waits any longer."""
        self.told = True
        while self._stops:
            self._stops.pop()()

    def on_cancel(self, stop: Callable[[], object]) -> None:
        """Call `stop` when the call is no longer wanted, at once if that is so already."""
        self._stops.append(stop)
        if self.told:
            self.cancel()


class RunContext(Generic[S]):
    """What a tool may know of the run that calls it: a parameter annotated with it is injected, unseen by the model.

    Attributes:
        run_id: the run in the log.
        call_id: the call that is answered.
        idempotency_key: the same each time this call is made, also after a crash; no other call has it.
        state: the caller's own object, given as `bot(…, state=…)`; it is never serialised.
        cancellation: tells who asks, or who wants to be called, that nobody waits any longer.
    """

    __slots__ = ("call_id", "cancellation", "idempotency_key", "run_id", "state")

    def __init__(
        self,
        *,
        run_id: str,
        call_id: str,
        idempotency_key: str,
        state: S,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.run_id = run_id
        self.call_id = call_id
        self.idempotency_key = idempotency_key
        self.state = state
        self.cancellation = cancellation or Cancellation()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any longer. A long sync tool looks at it and returns early."""
        return self.cancellation.told

    def __repr__(self) -> str:
        return f"RunContext(run_id={self.run_id!r}, call_id={self.call_id!r})"


class ToolboxPort(Protocol):
    """Offers tools and runs them on the caller's thread. Safe to share by threads and by runs."""

    def tools(self) -> Sequence[Tool]:
        """Return the tools, in an order that stays; their names are unique.

        What must be connected to is connected by then: a server that cannot be reached is a `ConfigurationError` or a
        `PortError`, never a tool that is silently missing.
        """

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Run one tool and return its answer.

        Never raises for what the model or the tool did: an unknown name, arguments that are no JSON or do not fit,
        and exceptions of the tool are results with `is_error`, which go back to the model. `StopRun` is a result with
        `ends_run`. Raises only what ends a process or a task (`KeyboardInterrupt`, a cancellation), and `RunPaused`: a
        run inside the tool waits for someone, so that the run that called it waits too.
        """


class AsyncToolboxPort(Protocol):
    """As `ToolboxPort`, without blocking the event loop. One object can serve both colours.

    A tool of colour `sync` is called in a worker thread through `call`, one of colour `async` through `acall`, from
    agents of either colour; one of colour `both` through the method of the agent's own colour.
    """

    def tools(self) -> Sequence[Tool]:
        """Return the tools, in an order that stays; called in a worker thread."""

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Run one tool and return its answer. Cancelling the task stops the tool."""
