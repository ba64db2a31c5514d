"""What a map is made with: its settings, checked, and what belongs to one pass over the inputs."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sized
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

import msgspec

from llamabot.domain.arguments import check_kinds, check_tags, refuse_unknown
from llamabot.domain.bot import Bot
from llamabot.domain.call import ALONE
from llamabot.domain.mapping.item import MapItem
from llamabot.domain.mapping.job import JOB_TAG, KEY_TAG, Job
from llamabot.domain.mapping.tally import Tally
from llamabot.domain.mapping.trying import Tries
from llamabot.domain.operations import Steps, current_cancellation
from llamabot.domain.resolve import Colour, resolve_instruments
from llamabot.domain.settings import CallSettings, MapSettings
from llamabot.ports.errors import ConfigurationError, UsageError
from llamabot.ports.messages import UserMessage
from llamabot.ports.progress import MapProgress
from llamabot.ports.provider import current_provider
from llamabot.ports.retrying import RetryPolicy
from llamabot.ports.tools import Cancellation

__all__ = ["Plan", "Work"]

T = TypeVar("T")

_CONCURRENCY = 8
_RETRY = RetryPolicy()
_ONE = (str, bytes, bytearray, Mapping, msgspec.Struct)
"""What can be gone through, or could be meant to be, but is one input."""


class Work(msgspec.Struct, Generic[T], frozen=True):
    """What is to be done to one input.

    Attributes:
        steps: for a driver.
        context: in which it runs; its own.
        cancellation: tells it that nobody wants its item.
    """

    steps: Steps[MapItem[T]]
    context: Context
    cancellation: Cancellation


class Plan(Generic[T]):
    """One pass of a bot over inputs; gone with it.

    Args:
        bot: that is mapped.
        inputs: what it is mapped over.
        settings: of the map, and of each call.

    Attributes:
        concurrency: most inputs that are worked on at once.
        in_order: items leave in the order of the inputs.
        is_dropped: whoever took the items has gone without a word: nobody waits for what cannot be stopped.

    Raises:
        UsageError: a setting is not what it should be, or the inputs are one.
        ConfigurationError: the bot cannot be called, or its log not be resumed.
    """

    def __init__(self, bot: Bot[T], inputs: Iterable[Any] | AsyncIterable[Any], settings: MapSettings) -> None:
        given: Mapping[str, Any] = settings
        _check(bot, inputs, given)
        self.concurrency: int = given.get("concurrency", _CONCURRENCY)
        self.in_order = not given.get("as_completed", False)
        self.is_dropped = False
        call = {**{name: value for name, value in given.items() if name not in _OWN}, "memory": ALONE}
        recorder, clock, _ = resolve_instruments(bot._settings)  # noqa: SLF001 - it is one of us
        resume = given.get("resume")
        self._job = None if resume is None else Job(resume, recorder, given.get("key"))
        # What is wrong with every call is told now; this one is never made.
        bot._new_run(bot._set_up(call), (UserMessage(""),), call, "none")  # noqa: SLF001 - as above
        self._tries = Tries(
            bot,
            call,
            prompt=given.get("prompt"),
            retry=given.get("retry", _RETRY),
            job=self._job,
            accept_changes=given.get("accept_changes", False),
            recorder=recorder,
            clock=clock,
        )
        total = len(inputs) if isinstance(inputs, Sized) else None
        self._bar = _bar(given.get("progress"))
        self._tally = Tally(self._bar, total)
        self._context = copy_context()
        self._wanted: set[Cancellation] = set()
        if (outer := current_cancellation.get()) is not None:
            outer.on_cancel(self.cancel)

    def opening(self) -> Steps[None]:
        """Do what comes before the first input."""
        if self._job is not None:
            yield from self._job.opening()
        self._tally.tell()

    def work(self, index: int, given: Any) -> Work[T]:
        """Return what is to be done to an input. Called in the inputs' order."""
        cancellation = Cancellation()
        self._wanted.add(cancellation)
        context = self._context.copy()
        context.run(current_cancellation.set, cancellation)
        return Work(self._tries.item(index, given, cancellation), context, cancellation)

    def count(self, work: Work[T], item: MapItem[T], running: int) -> None:
        """Note that an input has its item."""
        self._wanted.discard(work.cancellation)
        self._tally.count(item, running)

    def cancel(self) -> None:
        """Tell all that is at work that nobody wants its item."""
        for cancellation in list(self._wanted):
            cancellation.cancel()

    def close(self) -> None:
        """Let go of the job, and of what shows how far it is."""
        if self._job is not None:
            self._job.close()
        if (close := getattr(self._bar, "close", None)) is not None:
            close()


_OWN = MapSettings.__annotations__.keys() - CallSettings.__annotations__.keys()


def _bar(progress: bool | Callable[[MapProgress], object] | None) -> Callable[[MapProgress], object] | None:
    """Return who shows how far it is: whoever was given, else what the provider has for people who look on."""
    return progress if callable(progress) else current_provider().progress(progress)


def _check(bot: Bot[Any], inputs: object, given: Mapping[str, Any]) -> None:
    if "memory" in given:
        raise UsageError("map() uses no memory: its inputs do not know of each other; leave memory= out")
    refuse_unknown("map()", given, bot._map_type.__annotations__)  # noqa: SLF001 - it is one of us
    check_kinds(given)
    check_tags(given.get("tags"))
    if taken := sorted({JOB_TAG, KEY_TAG} & (given.get("tags") or {}).keys()):
        raise UsageError(f"tags= has {taken[0]!r}, by which map() finds the runs of a job: call it otherwise")
    if isinstance(inputs, _ONE) or not (hasattr(inputs, "__iter__") or hasattr(inputs, "__aiter__")):
        raise UsageError(f"map() takes several inputs, as a list or whatever yields them, not {type(inputs).__name__}")
    if bot._colour is Colour.SYNC and not hasattr(inputs, "__iter__"):  # noqa: SLF001 - as above
        raise UsageError(f"{type(inputs).__name__} can only be awaited: use the Async class of this bot")
    concurrency = given.get("concurrency", 1)
    if type(concurrency) is not int or concurrency < 1:
        raise ConfigurationError(f"concurrency={concurrency!r}: it is a whole number from 1 on")
    if not isinstance(given.get("retry", _RETRY), RetryPolicy | None):
        raise ConfigurationError(f"retry={given['retry']!r}: it is lmb.RetryPolicy(attempts=…), or None for never")
    if given.get("resume") == "":
        raise UsageError("resume= names a job: it is not empty")
    for name in ("key", "prompt"):
        if given.get(name) is not None and not callable(given[name]):
            raise UsageError(f"{name}= is a function of an input, not {type(given[name]).__name__}")
    if given.get("resume") is None and (given.get("key") is not None or given.get("accept_changes")):
        raise UsageError('key= and accept_changes= belong to a job that can be resumed: give it a name, resume="…"')
