"""Operations: what a run asks of a driver.

Effects say what a bot wants; operations add what the run needs around them. The four drivers know these six classes
and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from llamabot.domain.effects import Effect
from llamabot.domain.result import Announcement
from llamabot.domain.settling import Settled
from llamabot.ports.effect_context import EffectContext
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import Cancellation, RunContext, ToolCall

__all__ = [
    "DeadlinePassed",
    "Group",
    "Operation",
    "Settle",
    "Step",
    "Steps",
    "Tell",
    "Wait",
    "current_cancellation",
    "tool_context",
]

T = TypeVar("T")

current_cancellation: ContextVar[Cancellation | None] = ContextVar("llamabot_cancellation", default=None)
"""Of the call of a tool, or of the item of a map, that new runs are inside of."""


def tool_context(run_id: str, path: str, call: ToolCall, state: Any) -> RunContext[Any]:
    """Return what a tool is told of the run; when the run is inside of a tool that is cancelled, this one is too."""
    cancellation, outer = Cancellation(), current_cancellation.get()
    if outer is not None:
        outer.on_cancel(cancellation.cancel)
    key = f"{run_id}:{path}"
    return RunContext(run_id=run_id, call_id=call.id, idempotency_key=key, state=state, cancellation=cancellation)


class DeadlinePassed(Exception):
    """The step did not end within its `timeout_s`.

    Attributes:
        late: what is done when the work that was left behind in a thread ends; None if there is none.
    """

    def __init__(self, late: Future[Any] | None = None) -> None:
        super().__init__("the deadline of the call passed")
        self.late = late


class Step:
    """Perform one effect.

    Attributes:
        timeout_s: seconds that the call's deadline leaves, or None without one.
        first_at_ns: set by the driver: the clock at the first fragment of a stream.
        partial: set by the driver: what has arrived of a streamed answer that failed or was left.
        context: what a tool is told of the run; None for other effects.
        settled: where the run goes on: what was decided about calls that a run inside the tool may wait for.
        told: what the ports are told of the effect, and tell of it; None for what is none of a run.
    """

    __slots__ = ("context", "effect", "first_at_ns", "partial", "settled", "timeout_s", "told")

    def __init__(
        self,
        effect: Effect[Any],
        timeout_s: float | None,
        context: RunContext[Any] | None = None,
        settled: Settled | None = None,
        told: EffectContext | None = None,
    ) -> None:
        self.effect = effect
        self.timeout_s = timeout_s
        self.context = context
        self.settled = settled
        self.told = told
        self.first_at_ns: int | None = None
        self.partial: AssistantMessage | None = None


class Group:
    """Drive several runs of operations at once; the result is the list of their results."""

    __slots__ = ("members",)

    def __init__(self, members: list[Steps[Any]]) -> None:
        self.members = members


class Settle:
    """Wait until the log is committed."""

    __slots__ = ("ticket",)

    def __init__(self, ticket: Future[None]) -> None:
        self.ticket = ticket


class Wait:
    """Call a function that may block, such as a look into the log; the result is what it returns.

    Where nothing may block it is called in a thread; or `awaited`, if there is such a twin, is called and awaited.
    """

    __slots__ = ("awaited", "function")

    def __init__(self, function: Callable[[], Any], awaited: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.function, self.awaited = function, awaited


class Tell:
    """Hand an event to who streams this run."""

    __slots__ = ("event",)

    def __init__(self, event: Announcement) -> None:
        self.event = event


Operation: TypeAlias = Step | Group | Settle | Wait | Tell
Steps: TypeAlias = Generator[Operation, Any, T]
