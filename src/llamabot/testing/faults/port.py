"""The decorator of a port: `faulty`."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from llamabot.adapters.fake.clock import VirtualClock
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.errors import RecorderError, UsageError
from llamabot.testing.faults.fault import METHODS, OF_ANY, SIGNS, Failure, Fault, LostAnswer, PortKind, Slow
from llamabot.testing.faults.passing import Passing
from llamabot.testing.faults.strike import Strike

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["faulty", "left_over", "struck"]

P = TypeVar("P")


def faulty(
    port: P,
    schedule: Iterable[Fault | None],
    *,
    clock: VirtualClock | None = None,
    on: Sequence[str] | None = None,
) -> P:
    """Return a port that is troubled on a schedule: the first call by its first fault, the second by its second, ….

    None in the schedule is a call that all is well with, and so are the calls after its end. Which call is the first is
    counted over all methods in `on` and over both colours. Everything else of the port is passed through: the decorated
    port has the colours that it had.

    Args:
        port: a completion, toolbox, memory, document store, embedding, recorder or loader, of any colour.
        schedule: what befalls its calls, in order.
        clock: what waiting takes its time from; give the same one to the bot, so that its deadlines see it.
        on: the methods that count, named as in the sync port. By default those that do its work: for a toolbox `call`,
            and not `tools`; for a recorder `append`, and not `events`, `runs` or `claim`.

    Raises:
        UsageError: the object is none of these ports, or a fault is none that befalls it.
    """
    kind = _kind_of(port)
    counted = METHODS[kind] if on is None else tuple(on)
    if missing := [name for name in on or () if not _has(port, name)]:
        raise UsageError(f"on={missing}: {port!r} has no such method; it is known as the port {str(kind)!r}")
    faults = list(schedule)
    if kind is not PortKind.COMPLETION and (alien := [one for one in faults if one and not isinstance(one, OF_ANY)]):
        raise UsageError(
            f"{alien[0]!r} befalls completions; what befalls {kind} too is Failure(), LostAnswer(), Slow(…)"
        )
    plan = _Plan(faults, kind, frozenset(counted), clock or VirtualClock())
    return cast(P, _Faulty(port, plan))


def left_over(port: object) -> tuple[Fault, ...]:
    """Return the faults of a port's schedule that have not struck: a test that leaves some has not tried them.

    These are first the ones that a call met and that changed nothing of it, for its stream was shorter, or was left, or
    had failed by itself; then those that no call has met.
    """
    plan = _plan_of(port)
    return (*plan.faults(struck=False), *(fault for fault in plan.left if fault is not None))


def struck(port: object) -> tuple[Fault, ...]:
    """Return the faults of a port's schedule that have changed something, in the order of the calls."""
    return _plan_of(port).faults(struck=True)


def _plan_of(port: object) -> _Plan:
    if not isinstance(port, _Faulty):
        raise UsageError(f"{port!r} was not made by faulty(…)")
    return port.fault_plan


class _Plan:
    """A schedule as it is used up, shared by threads and by the copies of a port."""

    def __init__(
        self, faults: list[Fault | None], kind: PortKind, counted: frozenset[str], clock: VirtualClock
    ) -> None:
        self.left = faults
        self.kind = kind
        self.counted = counted
        self.clock = clock
        self._lock = threading.Lock()
        self._strikes: list[tuple[Fault, Strike]] = []

    def strike(self, timeout_s: float | None = None) -> Strike:
        """Return what befalls the call that is made now, and take it off the schedule."""
        with self._lock:
            fault = self.left.pop(0) if self.left else None
            strike = Strike(fault, self.kind, self.clock, timeout_s)
            if fault is not None:
                self._strikes.append((fault, strike))
        return strike

    def faults(self, *, struck: bool) -> tuple[Fault, ...]:
        """Return the faults that calls have met and that have struck, or those that have not."""
        return tuple(fault for fault, strike in self._strikes if strike.has_struck is struck)


class _Faulty:
    """A port whose methods are its own ones, with faults around those that count.

    The methods are made when they are asked for, so that it has exactly those that the port has.
    """

    def __init__(self, port: Any, plan: _Plan) -> None:
        self._port = port
        self.fault_plan = plan

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        own = getattr(self._port, name)
        if name == "with_secrets":
            return lambda secrets: _Faulty(own(secrets), self.fault_plan)
        waits = name[1:] in self.fault_plan.counted and name.startswith("a")
        if not waits and name not in self.fault_plan.counted:
            return own
        return partial(self._method(name.removeprefix("a") if waits else name, waits), own)

    def __enter__(self) -> Self:
        self._port.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._port.__exit__(kind, error, traceback)

    async def __aenter__(self) -> Self:
        await self._port.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._port.__aexit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"faulty({self._port!r}, {self.fault_plan.left!r})"

    def _method(self, name: str, waits: bool) -> Callable[..., Any]:
        special = {
            "complete": (self._complete, self._acomplete),
            "stream": (self._stream, self._astream),
            "append": (self._append, self._append),
        }
        methods: tuple[Callable[..., Any], Callable[..., Any]] = special.get(name, (self._call, self._acall))
        return methods[waits]

    def _call(self, own: Callable[..., Any], *given: Any, **named: Any) -> Any:
        strike = self.fault_plan.strike(self._timeout_s(given))
        strike.before()
        return strike.after(own(*given, **named))

    async def _acall(self, own: Callable[..., Any], *given: Any, **named: Any) -> Any:
        strike = self.fault_plan.strike(self._timeout_s(given))
        strike.before()
        return strike.after(await own(*given, **named))

    def _complete(self, own: Callable[..., Any], request: CompletionRequest) -> Completion:
        strike = self.fault_plan.strike(request.timeout_s)
        if strike.needs_fragments:
            return assemble(_troubled(self._port.stream, request, strike))
        strike.before()
        completion: Completion = strike.after(own(request))
        return completion

    async def _acomplete(self, own: Callable[..., Any], request: CompletionRequest) -> Completion:
        strike = self.fault_plan.strike(request.timeout_s)
        if strike.needs_fragments:
            return assemble([chunk async for chunk in _atroubled(self._port.astream, request, strike)])
        strike.before()
        completion: Completion = strike.after(await own(request))
        return completion

    def _stream(self, own: Callable[..., Any], request: CompletionRequest) -> Iterator[CompletionChunk]:
        yield from _troubled(own, request, self.fault_plan.strike(request.timeout_s))

    async def _astream(self, own: Callable[..., Any], request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        async with aclosing(_atroubled(own, request, self.fault_plan.strike(request.timeout_s))) as chunks:
            async for chunk in chunks:
                yield chunk

    def _append(self, own: Callable[..., Any], events: Any) -> Future[None] | None:
        """Append; a recorder does not raise here: a durable one's ticket fails, any other loses the events silently."""
        strike, durable = self.fault_plan.strike(), self._port.durable
        fault = strike.fault
        if isinstance(fault, Slow) and durable:
            strike.wait(fault.seconds)
        ticket: Future[None] | None = None if isinstance(fault, Failure) else own(events)
        fails = (isinstance(fault, LostAnswer) and durable) or isinstance(fault, Failure)
        strike.has_struck |= fails
        if not durable or not fails:
            return ticket
        from concurrent.futures import Future

        failed: Future[None] = Future()
        failed.set_exception(RecorderError("the recorder: the log cannot be written"))
        return failed

    def _timeout_s(self, given: Sequence[Any]) -> float | None:
        """Return how long a tool may take by its own rules."""
        if self.fault_plan.kind is not PortKind.TOOLBOX or not given:
            return None
        return next((tool.timeout_s for tool in self._port.tools() if tool.name == given[0].name), None)


def _troubled(own: Callable[..., Any], request: CompletionRequest, strike: Strike) -> Iterator[CompletionChunk]:
    """Yield an answer as the fault leaves it; closing this closes the port's stream."""
    passing = Passing(strike)
    passing.begin()
    stream = own(request)
    try:
        for fragment in stream:
            yield from passing.feed(fragment)
        yield from passing.rest()
    finally:
        if hasattr(stream, "close"):
            stream.close()


async def _atroubled(
    own: Callable[..., Any], request: CompletionRequest, strike: Strike
) -> AsyncGenerator[CompletionChunk, None]:
    """As `_troubled`."""
    passing = Passing(strike)
    passing.begin()
    stream = own(request)
    try:
        async for fragment in stream:
            for passed in passing.feed(fragment):
                yield passed
        for passed in passing.rest():
            yield passed
    finally:
        if hasattr(stream, "aclose"):
            await stream.aclose()


def _kind_of(port: object) -> PortKind:
    kind = next((kind for kind, signs in SIGNS.items() if all(_has(port, sign) for sign in signs)), None)
    if kind is None:
        raise UsageError(f"{port!r} is no port that faults befall: {', '.join(PortKind)}")
    return kind


def _has(port: object, name: str) -> bool:
    return hasattr(port, name) or hasattr(port, f"a{name}")
