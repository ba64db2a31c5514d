"""What a run has done already, read from its log: a run that is resumed or replayed is answered from here.

An effect is known by its path. Its outcome answers it. An error answers it only if the core went on after it; one that
ended the run is performed again, and so is an effect that a crash cut off.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from llamabot.domain.effects import CallTool, Complete, Effect, Remember, Retrieve, Say
from llamabot.domain.encoding import encoded
from llamabot.domain.logged import RunInput
from llamabot.domain.trace import EffectTrace, RunTrace, read_trace
from llamabot.ports import errors
from llamabot.ports.completion import CONNECTION_OPTIONS, CompletionRequest
from llamabot.ports.errors import CompletionError, LlamabotError, ReplayDiverged, UsageError
from llamabot.ports.messages import Message
from llamabot.ports.recorder import Blob, EffectStarted, ErrorRecord, RunEvent, RunResumed, RunStatus, as_json
from llamabot.ports.redaction import redacted_json
from llamabot.ports.summary import RunSummary
from llamabot.ports.tools import ToolCall

__all__ = ["History", "comparable", "revived"]

_DIFF_LINES = 60


class History:
    """The effects of one recorded run.

    Args:
        events: the run's log.
        run_id: its id.
        accept_changes: outcomes answer whatever is asked now; else it must be what was asked then.
        redacted: the log is an export, in which credentials are hidden; so they are in what is asked now.

    Attributes:
        summary: what the log adds up to.
        digests: of the blobs in it.
        accepts_changes: as given.

    Raises:
        UsageError: there is no such run.
    """

    def __init__(
        self, events: Sequence[RunEvent], run_id: str, *, accept_changes: bool = False, redacted: bool = False
    ) -> None:
        if not events:
            raise UsageError(f"there is no run {run_id!r} in this log; recorder.runs() lists those there are")
        trace: RunTrace = read_trace(events)
        self.summary: RunSummary = trace.summary
        self.digests = frozenset(event.digest for event in events if isinstance(event, Blob))
        self._input = trace.input
        self.accepts_changes = accept_changes
        self._accepted = _accepted(events)
        self._redacted = redacted
        self._latest = {effect.path: effect for effect in trace.effects}
        self._reached = max((_top(effect.path) for effect in trace.effects), default=0)
        self._unused = self._latest.keys() - {"0"}  # a look at the price, which other limits need not

    @property
    def input(self) -> RunInput:
        """What the call was given."""
        if self._input is None:
            raise UsageError(
                f"run {self.summary.run_id} was recorded without what it was given (metadata alone, or an older log): "
                "it can be looked at, but not gone through again"
            )
        return self._input

    @property
    def effects(self) -> Collection[EffectTrace]:
        """The latest attempt of each effect."""
        return self._latest.values()

    @property
    def completed(self) -> bool:
        """Whether the run came to its end, so that nothing is left to do."""
        return self.summary.status is RunStatus.COMPLETED

    def has(self, kind: str) -> bool:
        """Say whether an effect of this kind was begun."""
        return any(effect.effect == kind for effect in self._latest.values())

    def recalled(self) -> tuple[Message, ...]:
        """Return the conversation that the run began with, () if it had none."""
        return next((effect.messages for effect in self._latest.values() if effect.effect == "recall"), ())

    def attempt(self, path: str) -> int:
        """Return the number of the latest attempt, 0 if there was none."""
        effect = self._latest.get(path)
        return 0 if effect is None else effect.attempt

    def begun(self, path: str) -> bool:
        """Say whether an effect was started and gave no outcome."""
        effect = self._latest.get(path)
        return effect is not None and not _is_done(effect)

    def answer(self, path: str, effect: Effect[Any]) -> EffectTrace | None:
        """Return how an effect ended, or None if it is to be performed.

        Raises:
            ReplayDiverged: another effect was recorded there, or the same with another request.
        """
        recorded = self._latest.get(path)
        if recorded is None:
            return None
        self._unused.discard(path)
        self._check(recorded, effect)
        return recorded if _is_done(recorded) or self._was_survived(recorded) else None

    def check_used(self) -> None:
        """Raise `ReplayDiverged` if the run has ended before all that was recorded came to pass."""
        self._unused -= {path for path, _ in self._accepted}
        if self._unused and not self.accepts_changes:
            left = ", ".join(f"{path} ({self._latest[path].effect})" for path in sorted(self._unused)[:5])
            raise ReplayDiverged(f"the bot ended, but the log of run {self.summary.run_id} goes on with {left}")

    def end(self) -> LlamabotError:
        """Return what stopped the recorded run, as an error to raise."""
        summary = self.summary
        if summary.error is not None:
            return revived(summary.error)
        return ReplayDiverged(f"the log of run {summary.run_id} ends here: it is {summary.status}")

    def _was_survived(self, recorded: EffectTrace) -> bool:
        return recorded.error is not None and self._reached > _top(recorded.path)

    def _check(self, recorded: EffectTrace, effect: Effect[Any]) -> None:
        if recorded.effect != effect.kind:
            raise ReplayDiverged(
                f"at {recorded.path} the bot asks for {effect.kind}, but the log of run {self.summary.run_id} has "
                f"{recorded.effect}: the code, the memory or the tools have changed"
            )
        if self.accepts_changes or (recorded.path, recorded.attempt) in self._accepted:
            return
        then, now = _asked(recorded), _asking(effect)
        if self._redacted:
            then, now = _without_secrets(then), _without_secrets(now)
        if then is not None and then != now:
            raise ReplayDiverged(
                f"at {recorded.path} ({effect.kind}) the bot asks what it did not ask in run "
                f"{self.summary.run_id}; resume(…, accept_changes=True) goes on with the recorded transcript and "
                f"today's code\n{_difference(then, now)}"
            )


def revived(record: ErrorRecord, partial: Any = None) -> LlamabotError:
    """Return a recorded error as one to raise; what was not ours is told by a `LlamabotError`."""
    kind = getattr(errors, record.type, None)
    if not (isinstance(kind, type) and issubclass(kind, LlamabotError)):
        return LlamabotError(f"{record.type}: {record.message}" if record.message else record.type)
    error = kind(record.message)
    for name, value in record.attributes.items():
        setattr(error, name, msgspec.convert(value, tuple[ToolCall, ...]) if name == "calls" else value)
    if isinstance(error, CompletionError):
        error.partial = partial
    return error


def _accepted(events: Iterable[RunEvent]) -> frozenset[tuple[str, int]]:
    """Return the effects, each as its path and attempt, that came before someone accepted changes."""
    begun: set[tuple[str, int]] = set()
    accepted: frozenset[tuple[str, int]] = frozenset()
    for event in events:
        if isinstance(event, EffectStarted):
            begun.add((event.path, event.attempt))
        elif isinstance(event, RunResumed) and event.accepts_changes:
            accepted = frozenset(begun)
    return accepted


def _is_done(effect: EffectTrace) -> bool:
    return effect.finished_ns is not None and effect.error is None


def _asked(recorded: EffectTrace) -> Any:
    match recorded.effect:
        case "complete" | "rephrase":
            return comparable(recorded.request)
        case "remember" | "say":
            return recorded.messages
        case "retrieve":
            return recorded.search
        case "call_tool":
            return None if recorded.call is None else (recorded.call.id, recorded.call.name)
        case _:
            return None


def _asking(effect: Effect[Any]) -> Any:
    match effect:
        case Complete(request):
            return comparable(request)
        case Remember(messages) | Say(messages):
            return messages
        case Retrieve():
            return effect
        case CallTool(call):
            return (call.id, call.name)
        case _:
            return None


def comparable(request: CompletionRequest | None) -> Any:
    """Return what the model is asked as plain JSON; where it is reached, and how long one waits, does not matter."""
    if request is None:
        return None
    options = {name: value for name, value in request.options.items() if name not in CONNECTION_OPTIONS}
    return msgspec.json.decode(encoded(msgspec.structs.replace(request, timeout_s=0.0, options=options)))


def _without_secrets(asked: Any) -> Any:
    return redacted_json(msgspec.json.decode(msgspec.json.encode(asked, enc_hook=as_json)))


def _difference(then: Any, now: Any) -> str:
    lines = difflib.unified_diff(_lines(then), _lines(now), "recorded", "now", lineterm="", n=1)
    return "\n".join(_first(lines, _DIFF_LINES))


def _lines(value: Any) -> list[str]:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode().splitlines()


def _first(lines: Iterable[str], most: int) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == most:
            yield "…"
            return
        yield line if len(line) <= 300 else f"{line[:300]}…"


def _top(path: str) -> int:
    return int(path.partition(".")[0])
