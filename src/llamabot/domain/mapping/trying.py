"""What becomes of one input: tried, tried again where that may help, and told as an item.

A failed run is not begun again but gone on with: what it had finished is in the log, and only the effect that failed is
performed once more. Where the log cannot tell that, each try is a run of its own.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from random import random
from typing import Any, Generic, TypeVar

from llamabot.domain.bot import Bot
from llamabot.domain.drivers import adrive, drive
from llamabot.domain.history import History
from llamabot.domain.mapping.item import MapItem
from llamabot.domain.mapping.job import Job
from llamabot.domain.messages import to_messages
from llamabot.domain.operations import Steps, Wait
from llamabot.domain.result import Result
from llamabot.domain.resuming import releasing
from llamabot.domain.settling import NOTHING_SETTLED
from llamabot.domain.world import World
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import NO_USAGE, Usage
from llamabot.ports.errors import LlamabotError, ReplayDiverged, UsageError
from llamabot.ports.messages import Message
from llamabot.ports.recorder import RecorderPort, RunEvent, RunStarted
from llamabot.ports.retrying import RetryPolicy
from llamabot.ports.tools import Cancellation

__all__ = ["Tries"]

T = TypeVar("T")
Performed = tuple[Steps[Result[T]], World]

_NS_PER_S = 1e9
_LONGEST_NAP_S = 0.25  # of a thread that waits to try again: so soon it sees that nobody wants it any longer


class Input:
    """One input, and how far it has come.

    Attributes:
        key: as the job has it, or the error that making it gave.
        run_id: of its run; None while there is none.
        is_begun: the run is in the log.
        failed: tokens of the latest try, as its error has it.
        spent: tokens of tries that are not a part of that run.
        cancellation: tells that nobody wants its item any longer.
    """

    __slots__ = ("cancellation", "failed", "given", "index", "is_begun", "key", "messages", "run_id", "spent", "tags")

    def __init__(self, index: int, given: Any, key: str | Exception | None, cancellation: Cancellation) -> None:
        self.index, self.given, self.key, self.cancellation = index, given, key, cancellation
        self.messages: tuple[Message, ...] = ()
        self.run_id: str | None = None
        self.tags: Mapping[str, str] = {}
        self.is_begun = False
        self.failed = self.spent = NO_USAGE


class Tries(Generic[T]):
    """How a bot is tried on inputs.

    Args:
        bot: that is mapped.
        call: the settings of each call.
        prompt: makes of an input what the bot is asked; None where it is that already.
        retry: when an error is tried again; None for never.
        job: names the runs; None where nothing is gone on with later.
        accept_changes: go on though the bot, or an input, is not what it was.
        recorder: that the bot's runs go to.
        clock: what waiting to try again goes by.
    """

    def __init__(
        self,
        bot: Bot[T],
        call: Mapping[str, Any],
        *,
        prompt: Callable[[Any], Any] | None,
        retry: RetryPolicy | None,
        job: Job | None,
        accept_changes: bool,
        recorder: RecorderPort | None,
        clock: ClockPort,
    ) -> None:
        self._bot, self._call = bot, call
        self._prompt, self._retry, self._job = prompt, retry, job
        self._accept_changes = accept_changes
        self._recorder, self._clock = recorder, clock

    def item(self, index: int, given: Any, cancellation: Cancellation) -> Steps[MapItem[T]]:
        """Return the steps that lead to an input's item. Called in the inputs' order, carried out in any."""
        return self._item(Input(index, given, self._key(index, given), cancellation))

    def _item(self, asked: Input) -> Steps[MapItem[T]]:
        try:
            yield from self._placing(asked)
            result = yield from self._result(asked)
            if self._job is not None:
                yield from self._job.keeping_up(asked.index)
        except Exception as error:  # a failure is an item, whatever it is
            run_id = asked.run_id if asked.is_begun else None
            usage = asked.spent + _usage_of(error)
            return MapItem(asked.index, asked.given, error=error, usage=usage, run_id=run_id)
        return MapItem(
            asked.index,
            asked.given,
            result.value,
            usage=asked.spent + result.usage,
            run_id=result.run_id,
            cost_usd=result.cost_usd,
            from_log=result.from_log,
        )

    def _key(self, index: int, given: Any) -> str | Exception | None:
        try:
            return self._job.key_of(index, given) if self._job else None
        except Exception as error:  # what a function of the user's raises is that input's
            return error

    def _placing(self, asked: Input) -> Steps[None]:
        """Say what the bot is asked, and where that is in the log."""
        if isinstance(asked.key, Exception):
            raise asked.key
        asked.messages = to_messages(asked.given if self._prompt is None else self._prompt(asked.given))
        if not asked.messages:
            raise UsageError("nothing was asked: an input is at least one string or message")
        if self._job is not None:
            asked.run_id, asked.tags = self._job.place(asked.index, asked.key, asked.messages)
            asked.is_begun = self._job.has_begun(asked.run_id)
            if not asked.is_begun:
                yield from self._job.refusing_a_known(asked.key, asked.index, asked.run_id)

    def _result(self, asked: Input) -> Steps[Result[T]]:
        attempt, began_ns = 1, self._clock.monotonic_ns()
        while True:
            try:
                steps, world = (yield from self._going_on(asked)) or self._new_run(asked)
                result: Result[T] = yield Wait(partial(drive, steps, world), partial(adrive, steps, world))
                return result
            except Exception as error:
                asked.failed = _usage_of(error)
                wait_s = self._wait_s(error, attempt, began_ns)
                if wait_s is None:
                    raise
            attempt += 1
            yield Wait(partial(self._rest, wait_s, asked.cancellation), partial(self._clock.asleep, wait_s))

    def _wait_s(self, error: Exception, attempt: int, began_ns: int) -> float | None:
        if self._retry is None:
            return None
        left_s = self._retry.within_s - (self._clock.monotonic_ns() - began_ns) / _NS_PER_S
        return self._retry.next_wait_s(error, attempt, random, left_s)

    def _new_run(self, asked: Input) -> Performed[T]:
        setup = self._bot._set_up(self._call)  # noqa: SLF001 - it is one of us
        run_id = asked.run_id = asked.run_id or setup.world.ids.new_id()
        call = {**self._call, "tags": {**(self._call.get("tags") or {}), **asked.tags}}
        asked.is_begun = True
        return self._bot._new_run(setup, asked.messages, call, run_id)  # noqa: SLF001 - as above

    def _going_on(self, asked: Input) -> Steps[Performed[T] | None]:
        """Return the run that was begun for an input, where it ended; None if there is none, or none that is kept."""
        if not asked.is_begun or asked.run_id is None:
            return None
        events: tuple[RunEvent, ...] = ()
        if self._recorder is not None:
            with ExitStack() as held:
                held.callback((yield Wait(partial(self._recorder.claim, asked.run_id))).release)
                events = yield Wait(partial(self._recorder.events, asked.run_id))
                if _is_kept(events):
                    steps, world = self._gone_on(
                        asked, History(events, asked.run_id, accept_changes=self._accept_changes)
                    )
                    return releasing(held.pop_all(), steps), world
        asked.spent += asked.failed
        asked.run_id = asked.run_id if self._job else None
        return None

    def _gone_on(self, asked: Input, history: History) -> Performed[T]:
        is_other = asked.key is not None and history.input.messages != asked.messages
        if is_other and not self._accept_changes:
            raise ReplayDiverged(
                f"the input {asked.index} has the key of run {asked.run_id}, which was asked something else: give "
                "another key to what has changed, or accept_changes=True to take that run's answer"
            )
        call = {name: value for name, value in self._call.items() if name != "tags"}
        return self._bot._next_try(history, NOTHING_SETTLED, call)  # noqa: SLF001 - it is one of us

    def _rest(self, wait_s: float, cancellation: Cancellation) -> None:
        """Let time pass on this thread, as long as somebody wants the item."""
        while wait_s > 0:
            _check(cancellation)
            nap_s = min(wait_s, _LONGEST_NAP_S)
            self._clock.sleep(nap_s)
            wait_s -= nap_s
        _check(cancellation)


def _check(cancellation: Cancellation) -> None:
    if cancellation.told:
        raise CancelledError("nobody wants the item any longer")


def _is_kept(events: tuple[RunEvent, ...]) -> bool:
    """Say whether a log has what a run was given, so that the run can be gone through again."""
    return any(isinstance(event, RunStarted) and event.input is not None for event in events)


def _usage_of(error: Exception) -> Usage:
    return (error.usage if isinstance(error, LlamabotError) else None) or NO_USAGE
