"""What happened in a run, in the order of its beginning: effects, runs inside it, pauses and resumptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from llamabot.app.cli.nesting import RunNode
from llamabot.domain.trace import EffectTrace, RunTrace
from llamabot.ports.recorder import (
    ErrorRecord,
    RunEvent,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStatus,
)

__all__ = ["Happening", "Turn", "happenings"]


class Turn(msgspec.Struct, frozen=True):
    """A run stopped, or went on.

    Attributes:
        status: how it stood from then on; `running` where it went on.
    """

    at_ns: int
    status: RunStatus
    error: ErrorRecord | None = None


class Happening(msgspec.Struct, frozen=True):
    """One thing that happened, with the runs that were begun by it."""

    at_ns: int
    what: EffectTrace | RunNode | Turn
    inside: tuple[RunNode, ...] = ()


def happenings(node: RunNode, trace: RunTrace, events: Sequence[RunEvent]) -> list[Happening]:
    """Return what happened in a run. A run that began while one tool alone was running belongs to that tool."""
    calls = [effect for effect in trace.effects if effect.effect == "call_tool"]
    owners = {child.summary.run_id: _owner(child, calls) for child in node.children}
    found = [
        Happening(child.summary.started_ns, child) for child in node.children if owners[child.summary.run_id] is None
    ]
    for effect in trace.effects:
        inside = tuple(child for child in node.children if owners[child.summary.run_id] is effect)
        found.append(Happening(effect.started_ns, effect, inside))
    found += [Happening(turn.at_ns, turn) for turn in _turns(events)]
    return sorted(found, key=lambda happening: happening.at_ns)


def _owner(child: RunNode, calls: Sequence[EffectTrace]) -> EffectTrace | None:
    """Return the one call that was running when a run began, None if there were several or none."""
    at_ns = child.summary.started_ns
    running = [call for call in calls if call.started_ns <= at_ns and (call.finished_ns or at_ns) >= at_ns]
    return running[0] if len(running) == 1 else None


def _turns(events: Sequence[RunEvent]) -> Iterator[Turn]:
    """Yield where a run stopped and where it went on; its last end stands in its head."""
    goes_on = False
    for event in reversed(events):
        match event:
            case RunResumed(at_ns=at_ns):
                goes_on = True
                yield Turn(at_ns, RunStatus.RUNNING)
            case RunPaused(at_ns=at_ns, error=error) if goes_on:
                yield Turn(at_ns, RunStatus.PAUSED, error)
            case RunFinished(at_ns=at_ns, status=status, error=error) if goes_on:
                yield Turn(at_ns, status, error)
