"""A run: a core with its log and its limits.

`Run.steps` wraps a core into a generator of operations for a driver. Whatever the core asks for is logged here, before
it is done and after, so that no driver and no bot can forget it. There is no I/O and no colour in this file: what must
wait (a durable commit) is an operation too.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, TypeVar

from llamabot.domain.effects import Core, Effect, Emit, Together
from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.domain.operations import DeadlinePassed, Group, Settle, Step, Steps, Tell
from llamabot.domain.result import Answer, Result
from llamabot.domain.run_log import RunLog
from llamabot.domain.world import World
from llamabot.ports.errors import CompletionTimeout, LimitReached, RecorderError
from llamabot.ports.recorder import RunKind
from llamabot.ports.secrets import NO_SECRETS, Secrets

__all__ = ["Run"]

T = TypeVar("T")
_NS_PER_S = 1_000_000_000


class Run:
    """One call of a bot: made for it, and gone with it."""

    def __init__(
        self,
        world: World,
        *,
        bot: str,
        model: str | None = None,
        limits: Limits = NO_LIMITS,
        tags: Mapping[str, str] | None = None,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self._bot, self._model, self._tags = bot, model, tags or {}
        self._log = RunLog(world.recorder, world.clock, world.ids, secrets)
        self._clock = world.clock
        self._deadline_s = limits.deadline_s
        self._started_ns = 0

    def steps(self, core: Core[Answer[T]]) -> Steps[Result[T]]:
        """Yield the operations of a core, each in the log; return what the run gave.

        What the core raises leaves with the run's id, transcript and usage on it.
        """
        log = self._log
        self._started_ns = self._clock.monotonic_ns()
        log.run_started(RunKind.BOT, self._bot, self._model, self._tags)
        try:
            answer = yield from self._effects(core)
        except BaseException as error:
            log.run_finished(error)
            raise
        ticket = log.run_finished()
        if ticket is not None:
            yield from self._settle(ticket)
        return Result(
            answer.value,
            answer.text,
            answer.messages,
            log.usage,
            log.cost_usd,
            answer.finish_reason,
            log.run_id,
        )

    def _effects(self, core: Core[T]) -> Steps[T]:
        """Turn what the core yields into operations; send it, or throw into it, what they give."""
        number = 0
        resume, value = core.send, None
        try:
            while True:
                effect = resume(value)
                try:
                    if isinstance(effect, Emit):
                        value = yield Tell(effect.event)
                    else:
                        number += 1
                        value = yield from self._effect(str(number), effect)
                    resume = core.send
                except BaseException as error:
                    resume, value = core.throw, error
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            value = None  # an error held here would keep its own traceback alive

    def _effect(self, path: str, effect: Effect[Any]) -> Steps[Any]:
        """Log the start of an effect, or of all members of a `Together`, and have it done."""
        self._check_deadline()
        if not isinstance(effect, Together):
            self._log.effects_started([(path, effect)])
            return (yield from self._perform(path, effect))
        members = [(f"{path}.{index}", member) for index, member in enumerate(effect.effects, 1)]
        self._log.effects_started(members)
        steps = [self._perform(*member) for member in members]
        try:
            results: list[Any] = yield Group(steps)
        except BaseException as error:
            for (path_of_member, member), its_steps in zip(members, steps, strict=True):
                # Cancelled before it had its first turn, or running in a thread that is not waited for.
                if getgeneratorstate(its_steps) != GEN_CLOSED:
                    self._log.effect_abandoned(path_of_member, member, error)
            raise
        return results

    def _perform(self, path: str, effect: Effect[Any]) -> Steps[Any]:
        """Have a started effect done; its outcome, or its error, is in the log before the core sees it."""
        step = Step(effect, self._remaining_s())
        started_ns = self._clock.monotonic_ns()
        try:
            outcome = yield step
        except BaseException as error:
            self._log.effect_failed(path, step, started_ns, error)
            if isinstance(error, DeadlinePassed) or (isinstance(error, CompletionTimeout) and self._deadline_passed()):
                raise self._deadline_reached() from error
            raise
        ticket = self._log.effect_finished(path, step, started_ns, outcome)
        if ticket is not None:
            yield from self._settle(ticket)
        return outcome

    def _settle(self, ticket: Future[None]) -> Steps[None]:
        """Wait until the log is committed; nobody sees what is not, and the error holds what was paid for."""
        try:
            yield Settle(ticket)
        except RecorderError as error:
            # Runs that are committed together share one error; each raises its own.
            own = RecorderError(str(error))
            self._log.sign(own)
            raise own from error

    def _remaining_s(self) -> float | None:
        if self._deadline_s is None:
            return None
        return self._deadline_s - (self._clock.monotonic_ns() - self._started_ns) / _NS_PER_S

    def _deadline_passed(self) -> bool:
        remaining_s = self._remaining_s()
        return remaining_s is not None and remaining_s <= 0

    def _check_deadline(self) -> None:
        if self._deadline_passed():
            raise self._deadline_reached()

    def _deadline_reached(self) -> LimitReached:
        return LimitReached(f"the call did not end within its deadline_s={self._deadline_s:g}", limit="deadline_s")
