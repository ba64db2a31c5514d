"""The log of one run as it is written: events made, sent to the recorder, and summed up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

from llamabot.domain.effects import CallTool, Complete, Effect, Rephrase, Say
from llamabot.domain.entries import logged_input, logged_outcome, note_outcome
from llamabot.domain.history import History
from llamabot.domain.log import LogWriter
from llamabot.domain.logged import RunInput
from llamabot.domain.messages import closed, tool_message
from llamabot.domain.operations import Step
from llamabot.domain.outbox import Outbox
from llamabot.ports.assembly import mend_text
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import NO_USAGE, Completion, Usage
from llamabot.ports.errors import BudgetExceeded, CompletionError, LimitReached, LlamabotError
from llamabot.ports.ids import IdPort
from llamabot.ports.messages import Message, ToolMessage
from llamabot.ports.recorder import (
    LOG_SCHEMA_VERSION,
    EffectFinished,
    EffectStarted,
    ErrorRecord,
    RecorderPort,
    RunEvent,
    RunFinished,
    RunKind,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStatus,
    TryRecord,
)
from llamabot.ports.secrets import NO_SECRETS, Secrets

__all__ = ["RunLog", "current_run_id"]

current_run_id: ContextVar[str | None] = ContextVar("llamabot_run_id", default=None)
"""The run that new runs are inside of."""

_LEFT = " (nobody waits for it any longer; what runs in a thread goes on unseen)"
_RECORDED_ATTRIBUTES = frozenset(
    {"asked_by", "calls", "extra", "limit", "limit_usd", "retry_after_s", "spent_usd", "status_code"}
)


class RunLog:
    """Writes one run. Effects of a `Together` finish in several threads; the rest is told in turn.

    Args:
        history: of the run that is gone on with, or None for a new one.
        run_id: of a new run; by default a new id.

    Attributes:
        messages: the transcript as far as the log knows it.
        usage: tokens so far.
    """

    def __init__(
        self,
        recorder: RecorderPort | None,
        clock: ClockPort,
        ids: IdPort,
        secrets: Secrets = NO_SECRETS,
        *,
        history: History | None = None,
        run_id: str | None = None,
    ) -> None:
        self.run_id = history.summary.run_id if history else run_id or ids.new_id()
        self._history = history
        self._parent_id = current_run_id.get()
        self.messages: tuple[Message, ...] = ()
        self.usage = NO_USAGE
        self._results: dict[str, ToolMessage] = {}
        self._clock, self._secrets = clock, secrets
        self._epoch_ns = clock.now_ns() - clock.monotonic_ns()
        self._writer = LogWriter(self.run_id, history.digests if history else ())
        self._outbox = Outbox(recorder, self.run_id)
        self._sums = threading.Lock()
        self._ended: dict[str, object] = {}
        self._known_cost_usd: float | None = None
        self._unpriced = False

    @property
    def cost_usd(self) -> float | None:
        """The sum over the completions, or None if the price of any is unknown."""
        return None if self._unpriced else self._known_cost_usd

    def run_started(
        self, kind: RunKind, bot: str, model: str | None, tags: Mapping[str, str], given: RunInput | None = None
    ) -> None:
        """Note the start; it goes to the recorder with the first effect, or the end, or `send`."""
        if self._outbox.is_closed:
            return
        logged, blobs = (None, []) if given is None else self._writer.run_input(given)
        started = RunStarted(
            self.run_id,
            self._now_ns(),
            schema=LOG_SCHEMA_VERSION,
            kind=kind,
            bot=bot,
            model=model,
            parent_id=self._parent_id,
            tags=tags,
            input=logged,
        )
        self._outbox.keep(*blobs, started)

    def run_resumed(self, given: RunInput) -> None:
        """Note that the run goes on; as `run_started`."""
        if self._outbox.is_closed:
            return
        self._writer.unsent(self._writer.run_input(given)[1])
        accepts = self._history is not None and self._history.accepts_changes
        resumed = RunResumed(self.run_id, self._now_ns(), schema=LOG_SCHEMA_VERSION, accepts_changes=accepts)
        self._outbox.keep(resumed)

    def send(self) -> None:
        """Give the recorder what it has not been given yet."""
        self._outbox.send([])

    def asked(self, effect: Effect[Any]) -> None:
        """Take in what the model is about to be asked: the transcript, whether or not it comes to that."""
        if isinstance(effect, Complete):
            if not isinstance(effect, Rephrase):
                self.messages = effect.request.messages
        elif isinstance(effect, Say):
            self.messages = effect.messages

    def effects_started(self, effects: Sequence[tuple[str, Effect[Any]]]) -> Future[None] | None:
        """Write the starts of effects that begin together, each with its path, as one append."""
        if self._outbox.is_closed:
            return None
        events: list[RunEvent] = []
        for path, effect in effects:
            logged, blobs = logged_input(self._writer, path, effect)
            attempt = self._attempt(path)
            events += *blobs, EffectStarted(self.run_id, self._now_ns(), path, effect.kind, attempt, logged)
        return self._outbox.send(events)

    def effect_answered(self, path: str, effect: Effect[Any], outcome: Any) -> None:
        """Take in what the log already has, so that what follows is summed up and can refer to it."""
        if not self._outbox.is_closed:
            self._writer.unsent(logged_input(self._writer, path, effect)[1])
        if isinstance(effect, Complete):
            self._completed(effect, outcome)
        self._produced(path, effect, outcome)

    def effect_finished(
        self, path: str, step: Step, started_ns: int, outcome: Any, *, alone: bool = False
    ) -> Future[None] | None:
        """Write an outcome; the ticket is there if the core must not see it before it is committed.

        If it is `alone`, so that no other effect is being done, what the core does next is written at once after it.
        """
        if not self._is_first_end(path):
            return None
        usage, cost_usd = None, None
        if isinstance(step.effect, Complete):
            usage, cost_usd = self._completed(step.effect, outcome)
        ticket = None
        if not self._outbox.is_closed:
            logged, blobs = logged_outcome(self._writer, step.effect, outcome)
            ended = self._end(path, step, started_ns, logged, usage=usage, cost_usd=cost_usd)
            ticket = (self._outbox.pass_on if alone else self._outbox.send)([*blobs, ended])
        # Only now, for another thread may write: what it refers to must be in the log before it.
        self._produced(path, step.effect, outcome)
        return ticket

    def effect_settled(self, path: str, effect: Effect[Any], outcome: Any) -> Future[None] | None:
        """Write the outcome of an attempt that a crash cut off, as someone has told it."""
        logged, blobs = logged_outcome(self._writer, effect, outcome)
        attempt = self._attempt(path) - 1
        return self._outbox.send(
            [*blobs, EffectFinished(self.run_id, self._now_ns(), path, effect.kind, attempt, logged)]
        )

    def effect_failed(
        self, path: str, step: Step, started_ns: int, error: BaseException, *, left: bool = False
    ) -> None:
        """Write an error without the call's secrets, and what had arrived; a `CompletionError` is given that too."""
        if not self._is_first_end(path):
            return
        self._secrets.scrub(error)
        partial = step.partial
        if isinstance(error, CompletionError):
            error.partial = partial = error.partial or partial
        recorded = self._error(error, _LEFT if left else "")
        self._outbox.send([self._end(path, step, started_ns, error=recorded, partial=partial)])

    def effect_abandoned(self, path: str, effect: Effect[Any], error: BaseException) -> None:
        """Write the error of an effect that nobody waits for; what it still gives is ignored."""
        self.effect_failed(path, Step(effect, None), 0, error, left=True)

    def run_finished(self, error: BaseException | None = None) -> Future[None] | None:
        """Write the end; the ticket is there if it must be waited for. An error of ours gets what the run had."""
        self.sign(error)
        recorded = None if error is None else self._error(error)
        return self._outbox.send([RunFinished(self.run_id, self._now_ns(), _status_of(error), recorded)])

    def run_paused(self, error: LlamabotError) -> Future[None] | None:
        """Write that the run waits for someone; as `run_finished`."""
        self.sign(error)
        return self._outbox.send([RunPaused(self.run_id, self._now_ns(), self._error(error))])

    def sign(self, error: BaseException | None) -> None:
        """Write onto an error of ours what the run had reached: a transcript that a provider accepts."""
        if isinstance(error, LlamabotError) and error.run_id is None:
            error.run_id, error.usage = self.run_id, self.usage
            error.messages = closed(self.messages, self._results)

    def _is_first_end(self, path: str) -> bool:
        mark = object()
        return self._ended.setdefault(path, mark) is mark  # one step: who leaves and who finishes may come at once

    def _end(
        self,
        path: str,
        step: Step,
        started_ns: int,
        outcome: Any = None,
        error: ErrorRecord | None = None,
        partial: Any = None,
        usage: Usage | None = None,
        cost_usd: float | None = None,
    ) -> EffectFinished:
        """Return the event of an effect that has just ended with this outcome or error."""
        first_ns = None if step.first_at_ns is None else step.first_at_ns - started_ns
        return EffectFinished(
            self.run_id,
            self._now_ns(),
            path,
            step.effect.kind,
            self._attempt(path),
            outcome,
            error,
            partial,
            usage,
            cost_usd,
            first_ns,
            self._tried(step),
        )

    def _attempt(self, path: str) -> int:
        return 1 if self._history is None else self._history.attempt(path) + 1

    def _produced(self, path: str, effect: Effect[Any], outcome: Any) -> None:
        if not self._outbox.is_closed:
            note_outcome(self._writer, path, effect, outcome)
        if isinstance(effect, CallTool):
            self._results[outcome.call_id] = tool_message(outcome)

    def _completed(self, effect: Complete, completion: Completion) -> tuple[Usage, float | None]:
        usage, cost_usd = completion.usage or NO_USAGE, completion.cost_usd
        with self._sums:
            self.usage += usage
            if cost_usd is None:
                self._unpriced = True
            else:
                self._known_cost_usd = (self._known_cost_usd or 0.0) + cost_usd
        if not isinstance(effect, Rephrase):
            self.messages = (*effect.request.messages, completion.message)
        return usage, cost_usd

    def _tried(self, step: Step) -> tuple[TryRecord, ...]:
        """Return what the ports told of the way, without the call's secrets."""
        if step.told is None or not step.told.tries:
            return ()
        return tuple(
            TryRecord(one.by, one.model, None if one.error is None else self._error(one.error), one.waited_s)
            for one in tuple(step.told.tries)
        )

    def _error(self, error: BaseException, note: str = "") -> ErrorRecord:
        kind, message = type(error), mend_text(self._secrets.scrubbed(f"{error}{note}"))
        if not isinstance(error, LlamabotError):
            return ErrorRecord(f"{kind.__module__}.{kind.__qualname__}", message)
        known = {name: value for name, value in vars(error).items() if name in _RECORDED_ATTRIBUTES and value}
        return ErrorRecord(kind.__name__, message, known)

    def _now_ns(self) -> int:
        return self._epoch_ns + self._clock.monotonic_ns()


def _status_of(error: BaseException | None) -> RunStatus:
    if error is None:
        return RunStatus.COMPLETED
    if isinstance(error, LimitReached | BudgetExceeded):
        return RunStatus.LIMITED
    if isinstance(error, GeneratorExit | KeyboardInterrupt | asyncio.CancelledError):
        return RunStatus.CANCELLED
    return RunStatus.FAILED
