"""A run: a core with its log and its limits.

`Run.steps` wraps a core into a generator of operations for a driver. Whatever the core asks for is logged here, before
it is done and after, so that no driver and no bot can forget it; what the log of an earlier try has already is answered
from there. There is no I/O and no colour in this file: what must wait (a durable commit) is an operation too.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, TypeVar

from llamabot.domain.approvals import Approval
from llamabot.domain.begun import Begun
from llamabot.domain.budget import Budget
from llamabot.domain.call_ids import CallIds
from llamabot.domain.committing import committed, start_committed
from llamabot.domain.effects import AskApproval, CallTool, Complete, Core, Effect, Emit, Together
from llamabot.domain.history import History
from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.domain.logged import RunInput
from llamabot.domain.operations import DeadlinePassed, Group, Step, Steps, Tell
from llamabot.domain.past import Past, Placed, as_recorded, must_not_repeat, outcome_of, waits_for
from llamabot.domain.result import Conclusion, Result, ToolFinished, ToolStarted
from llamabot.domain.run_log import RunLog
from llamabot.domain.settling import NOTHING_SETTLED, Settled
from llamabot.domain.tool_results import bounded, timed_out
from llamabot.domain.trace import EffectTrace
from llamabot.domain.world import World
from llamabot.ports.effect_context import EffectContext, inherited_tags
from llamabot.ports.errors import ApprovalNeeded, CompletionTimeout, ReplayDiverged, RunPaused
from llamabot.ports.recorder import RunKind
from llamabot.ports.secrets import NO_SECRETS, Secrets
from llamabot.ports.tools import ToolResult

__all__ = ["Run"]

T = TypeVar("T")


class Run:
    """One call of a bot: made for it, and gone with it.

    Args:
        world: the ports.
        bot: how the log calls the bot.
        model: what it asks, unless told otherwise.
        limits: what it may use.
        tags: labels for the log.
        secrets: never told.
        state: the caller's object, for its tools.
        run_id: of a new run; by default a new id.
        history: what an earlier try of this run has done.
        settled: what was decided about the calls that the earlier try waits for.
        retold: the history is all there is: nothing is performed, nothing recorded.
        first_path: of the first effect: 0 for the look at a price, which a run without it need not make room for.
    """

    def __init__(
        self,
        world: World,
        *,
        bot: str,
        model: str | None = None,
        limits: Limits = NO_LIMITS,
        tags: Mapping[str, str] | None = None,
        secrets: Secrets = NO_SECRETS,
        state: Any = None,
        run_id: str | None = None,
        history: History | None = None,
        settled: Settled = NOTHING_SETTLED,
        retold: bool = False,
        first_path: int = 1,
    ) -> None:
        self._bot, self._model, self._tags = bot, model, tags or ({} if history is None else history.summary.tags)
        self._log = RunLog(
            None if retold else world.recorder, world.clock, world.ids, secrets, history=history, run_id=run_id
        )
        self._budget, self._clock = Budget(NO_LIMITS if retold else limits, world.clock), world.clock
        self._past = None if history is None else Past(history, settled, retold=retold)
        self._retold, self._first_path = retold, first_path
        self._begun, self._call_ids = Begun(self._log.run_id, state), CallIds()
        self._told = partial(EffectContext, self._log.run_id, inherited_tags(self._tags), world.clock)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._log.run_id

    def steps(self, core: Core[Conclusion[T]], given: RunInput | None = None) -> Steps[Result[T]]:
        """Yield the operations of a core, each in the log; return what the run gave.

        What the core raises leaves with the run's id, transcript and usage on it.

        Args:
            core: of the bot.
            given: what the call was given, for the log.
        """
        log = self._log
        self._budget.start()
        if self._past is None:
            log.run_started(RunKind.BOT, self._bot, self._model, self._tags, given)
        else:
            log.run_resumed(self._past.history.input)
        try:
            answer = yield from self._effects(core)
            if self._past is not None:
                self._past.history.check_used()
        except RunPaused as error:
            yield from committed(log, log.run_paused(error))
            raise
        except ReplayDiverged as error:
            log.sign(error)
            raise
        except BaseException as error:
            log.run_finished(error)
            raise
        ticket = log.run_finished()
        if ticket is not None:
            yield from committed(self._log, ticket)
        told = answer.value, answer.text, answer.messages
        return Result(*told, log.usage, log.cost_usd, answer.finish_reason, log.run_id, self._retold)

    def _effects(self, core: Core[T]) -> Steps[T]:
        """Turn what the core yields into operations; send it, or throw into it, what they give."""
        number = self._first_path - 1
        resume, value = core.send, None
        try:
            while True:
                effect = resume(value)
                try:
                    if isinstance(effect, Emit):
                        self._log.send()  # who streams may stay there for long
                        value = yield Tell(effect.event)
                    else:
                        number += 1
                        value = yield from self._effect(str(number), effect)
                        self._call_ids.note(value)
                    resume = core.send
                except BaseException as error:
                    resume, value = core.throw, error
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            value = None  # an error held here would keep its own traceback alive

    def _effect(self, path: str, effect: Effect[Any]) -> Steps[Any]:
        """Have one effect done, or several at once, unless the log has their outcome."""
        if isinstance(effect, Together):
            return (yield from self._together(path, effect.effects))
        if isinstance(effect, AskApproval):
            return (yield from self._approvals(path, effect))
        members: list[Placed] = [(path, effect)]
        if self._past is None:
            self._log.asked(effect)
        else:
            known = yield from self._known(members)
            if path in known:
                return known[path]
        ticket = self._start(members)
        if ticket is not None:
            yield from start_committed(self._log, ticket, members)
        return (yield from self._perform(path, effect, alone=True))

    def _together(self, path: str, effects: Sequence[Effect[Any]]) -> Steps[list[Any]]:
        members: list[Placed] = [(f"{path}.{index}", member) for index, member in enumerate(effects, 1)]
        results = yield from self._known(members)
        left = [(place, member) for place, member in members if place not in results]
        if left:
            ticket = self._start(left)
            if ticket is not None:
                yield from start_committed(self._log, ticket, left)
            results.update(zip((place for place, _ in left), (yield from self._grouped(left)), strict=True))
        return [results[place] for place, _ in members]

    def _grouped(self, members: list[Placed]) -> Steps[list[Any]]:
        steps = [self._perform(*member) for member in members]
        try:
            outcomes: list[Any] = yield Group(steps)
        except BaseException as error:
            for (place, member), its_steps in zip(members, steps, strict=True):
                # Cancelled before it had its first turn, or running in a thread that is not waited for.
                if getgeneratorstate(its_steps) != GEN_CLOSED:
                    self._log.effect_abandoned(place, member, error)
                    self._begun.leave(place)
            raise
        return outcomes

    def _approvals(self, path: str, effect: AskApproval) -> Steps[tuple[Approval, ...]]:
        """Return the answers that are known; pause if any is missing."""
        answers = {}
        for index, call in enumerate(effect.calls, 1):
            asked: list[Placed] = [(f"{path}.{index}", AskApproval((call,)))]
            known = yield from self._known(asked)
            ((place, one),) = asked
            answer = known.get(place) or (self._past.approval(call) if self._past else None)
            if answer is not None and place not in known:
                self._log.effects_started(asked)
                yield from committed(self._log, self._log.effect_finished(place, Step(one, None), 0, answer))
            answers[call.id] = answer
        waiting = tuple(call for call in effect.calls if answers[call.id] is None)
        if waiting:
            words = waits_for("approval of", "approvals={call_id: True}", waiting)
            raise ApprovalNeeded(words, calls=waiting, asked_by=self.run_id)
        return tuple(answer for answer in answers.values() if answer is not None)

    def _known(self, members: Sequence[Placed]) -> Steps[dict[str, Any]]:
        """Return the outcomes, by path, that need not be brought about: the log has them, or someone has told them."""
        for _, effect in members:
            self._log.asked(effect)
        if self._past is None:
            return {}
        found = self._past.find(members)
        for place, effect in members:
            if place in found:
                yield from self._answer(place, effect, found[place])
        self._past.check_rest(members, found)
        return {place: outcome_of(recorded) for place, recorded in found.items()}

    def _answer(self, path: str, effect: Effect[Any], recorded: EffectTrace | ToolResult) -> Steps[None]:
        """Take in how an effect ended without it being performed now."""
        if isinstance(recorded, ToolResult):
            yield from committed(self._log, self._log.effect_settled(path, effect, recorded))
        self._budget.count(effect)
        if isinstance(recorded, ToolResult) or recorded.error is None:
            self._log.effect_answered(path, as_recorded(effect, recorded), outcome_of(recorded))

    def _start(self, members: list[Placed]) -> Future[None] | None:
        """Log the start of effects that begin together; return the ticket if one of them must not run twice."""
        effects = [effect for _, effect in members]
        self._budget.check(effects, self._log.usage, self._log.cost_usd)
        ticket = self._log.effects_started(members)
        for effect in effects:
            self._budget.count(effect)
        return None if ticket is None or not any(map(must_not_repeat, effects)) else ticket

    def _perform(self, path: str, effect: Effect[Any], *, alone: bool = False) -> Steps[Any]:
        """Have a started effect done; its outcome, or its error, is logged before the core sees it."""
        if isinstance(effect, CallTool):
            return (yield from self._run_tool(path, effect))
        left_s, started_ns = self._budget.remaining_s(), self._clock.monotonic_ns()
        step = Step(effect, left_s, told=self._told(left_s))
        try:
            self._begun.check(path)
            is_done = self._past is not None and (yield from self._past.has_remembered(path, step))
            outcome: Any = None if is_done else (yield step)
        except BaseException as error:
            self._failed(path, step, started_ns, error)
            raise
        if isinstance(effect, Complete):
            outcome = self._call_ids.told_apart(outcome, effect.request.messages)
        ticket = self._log.effect_finished(path, step, started_ns, outcome, alone=alone)
        if ticket is not None:
            yield from committed(self._log, ticket)
        return outcome

    def _run_tool(self, path: str, effect: CallTool) -> Steps[ToolResult]:
        """As `_perform`; a tool that takes too long is an answer to the model."""
        settled = self._past.settled if self._past else None
        timeout_s, started_ns = self._budget.tool_timeout_s(effect.tool), self._clock.monotonic_ns()
        step = Step(effect, timeout_s, self._begun.open(path, effect.call), settled, self._told(timeout_s))
        try:
            self._begun.check(path)
            yield Tell(ToolStarted(effect.call))  # who streams may leave here too
            result = yield step
        except BaseException as error:
            self._begun.cancel(path)
            if not isinstance(error, DeadlinePassed) or step.timeout_s != effect.tool.timeout_s:
                self._failed(path, step, started_ns, error)
                raise
            result = timed_out(effect.call, effect.tool)
        else:
            self._begun.ended(path)
        result = bounded(result, effect.call, effect.max_characters)
        ticket = self._log.effect_finished(path, step, started_ns, result)
        if ticket is not None:
            yield from committed(self._log, ticket)
        yield Tell(ToolFinished(result))
        return result

    def _failed(self, path: str, step: Step, started_ns: int, error: BaseException) -> None:
        """Log an error; one that the deadline brought about becomes `LimitReached`."""
        left = step.context is not None and isinstance(error, DeadlinePassed | KeyboardInterrupt | CancelledError)
        self._log.effect_failed(path, step, started_ns, error, left=left)
        if isinstance(error, DeadlinePassed) or (
            isinstance(error, CompletionTimeout) and self._budget.deadline_passed()
        ):
            raise self._budget.deadline_reached() from error
        if isinstance(error, RunPaused) and error.run_id is not None:
            # A run inside the tool waits: whoever decides resumes this one, which is around it.
            raise type(error)(str(error), calls=error.calls, asked_by=error.asked_by) from error
