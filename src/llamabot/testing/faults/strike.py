"""What a fault does to one call, before it and after it. No colour and no I/O."""

from __future__ import annotations

from typing import Any, NoReturn

from llamabot.adapters.fake.clock import VirtualClock
from llamabot.ports import errors
from llamabot.ports.messages import AssistantMessage
from llamabot.testing.faults.fault import (
    ERRORS,
    OF_FRAGMENTS,
    ConnectionRefused,
    Failure,
    Fault,
    LostAnswer,
    MalformedBody,
    PortKind,
    RateLimit,
    ServerError,
    Slow,
    TimedOut,
)

__all__ = ["Strike"]


class Strike:
    """One call and the fault that befalls it, or None.

    Args:
        kind: of the port.
        timeout_s: how long who calls waits; None for ever.

    Attributes:
        has_struck: whether the fault has changed anything yet.
    """

    def __init__(
        self, fault: Fault | None, kind: PortKind, clock: VirtualClock, timeout_s: float | None = None
    ) -> None:
        self.fault = fault
        self.has_struck = False
        self._kind = kind
        self._clock = clock
        self._timeout_s = timeout_s

    @property
    def needs_fragments(self) -> bool:
        """Whether a whole answer, too, must be had in fragments, so that the fault means the same to it."""
        return isinstance(self.fault, OF_FRAGMENTS)

    def before(self) -> None:
        """Raise what the fault raises in the place of the call; let the time pass that it takes."""
        match self.fault:
            case Failure():
                self.fail("it is failing")
            case Slow(seconds):
                self.wait(seconds)
            case TimedOut():
                self.wait(float("inf"))
            case RateLimit(retry_after_s):
                self.hit(errors.RateLimited("slow down (429)", retry_after_s=retry_after_s, status_code=429))
            case ServerError(status_code):
                self.hit(
                    errors.ProviderUnavailable(f"the provider is failing ({status_code})", status_code=status_code)
                )
            case ConnectionRefused():
                self.hit(errors.ProviderUnavailable("the connection was refused"))

    def after(self, outcome: Any = None) -> Any:
        """Return what the call gave, unless the fault keeps it back."""
        match self.fault:
            case LostAnswer():
                self.fail("the connection broke before its answer came")
            case MalformedBody():
                self.hit(errors.BadCompletion("the provider answered with something that is no completion"))
        return outcome

    def fail(self, why: str) -> NoReturn:
        """Raise the port's own error."""
        self.hit(ERRORS[self._kind](f"the {self._kind}: {why}"))

    def hit(self, error: errors.PortError) -> NoReturn:
        """Raise what the fault raises."""
        self.has_struck = True
        raise error

    def wait(self, seconds: float, partial: AssistantMessage | None = None) -> None:
        """Let time pass on the clock, but no more than who calls waits for.

        Raises:
            CompletionTimeout: an answer takes longer.
            DeadlinePassed: a tool takes longer; it is what a driver raises then.
        """
        self.has_struck = True
        if self._timeout_s is None or seconds <= self._timeout_s:
            self._clock.advance(seconds)
            return
        self._clock.advance(self._timeout_s)
        if self._kind is PortKind.TOOLBOX:
            from llamabot.domain.operations import DeadlinePassed

            raise DeadlinePassed
        raise errors.CompletionTimeout(f"no answer within {self._timeout_s:g} s", partial=partial)
