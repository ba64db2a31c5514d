"""What need not be done again when a run goes on: what its log has, and what someone has told since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import msgspec

from llamabot.domain.approvals import Approval
from llamabot.domain.effects import CallTool, Complete, Effect, Recall, Remember, Retrieve, Say
from llamabot.domain.history import History, revived
from llamabot.domain.operations import Step, Steps
from llamabot.domain.settling import Settled
from llamabot.domain.tool_results import bounded
from llamabot.domain.trace import EffectTrace
from llamabot.ports.completion import ModelCapabilities
from llamabot.ports.errors import ToolOutcomeUnknown
from llamabot.ports.learning import learn
from llamabot.ports.messages import Message
from llamabot.ports.tools import Tool, ToolCall, ToolResult

__all__ = [
    "Past",
    "Placed",
    "as_recorded",
    "must_not_repeat",
    "outcome_of",
    "waits_for",
]

Placed = tuple[str, Effect[Any]]
"""An effect with its path."""

_OUTCOMES: dict[str, Any] = {
    "describe_model": ModelCapabilities,
    "list_tools": tuple[Tool, ...],
    "ask_approval": Approval,
}
learn(*_OUTCOMES.values())


class Past:
    """The past of a run.

    Args:
        history: what an earlier try has done.
        settled: what was decided since.
        retold: nothing but the history counts; where it ends, the run ends.
    """

    def __init__(self, history: History, settled: Settled, *, retold: bool) -> None:
        self.history = history
        self.settled = settled
        self._retold = retold
        self._run_id = history.summary.run_id

    def find(self, members: Sequence[Placed]) -> dict[str, EffectTrace | ToolResult]:
        """Return, by path, how effects ended, as the log or as someone tells; the others have no outcome yet."""
        found: dict[str, EffectTrace | ToolResult] = {}
        for place, effect in members:
            recorded = self.history.answer(place, effect)
            if recorded is not None:
                found[place] = recorded
            elif (told := self._told(effect, place)) is not None:
                found[place] = told
        return found

    def approval(self, call: ToolCall) -> Approval | None:
        """Return what someone has said since to a call of this run."""
        return self.settled.approvals.get(call.id) if self.settled.asked_by == self._run_id else None

    def has_remembered(self, place: str, step: Step) -> Steps[bool]:
        """Look whether an earlier try has stored a turn and then broke off, before that was in the log."""
        if not isinstance(step.effect, Remember) or not self.history.begun(place):
            return False
        now: tuple[Message, ...] = yield Step(Recall(), step.timeout_s)
        return _is_added(step.effect.turn, self.history.recalled(), now)

    def check_rest(self, members: Sequence[Placed], found: Mapping[str, Any]) -> None:
        """Raise unless those effects that have no outcome may be performed.

        Raises:
            ToolOutcomeUnknown: a tool that must not run twice had begun, and nobody has told how it ended.
            LlamabotError: the run is only told again, and this is where it ended.
        """
        rest = [(place, effect) for place, effect in members if place not in found]
        if rest and self._retold:
            raise self.history.end()
        unknown = tuple(effect.call for place, effect in rest if self._must_be_told(effect, place))
        if unknown:
            words = waits_for("how these ended:", 'outcomes={call_id: "…"}', unknown)
            raise ToolOutcomeUnknown(
                f"{words}. They must not run twice, and the run broke off after they began",
                calls=unknown,
                asked_by=self._run_id,
            )

    def _told(self, effect: Effect[Any], place: str) -> ToolResult | None:
        """Return how a call ended that was cut off, as someone tells; also of one that might run again."""
        if not isinstance(effect, CallTool) or self._retold or self.settled.asked_by != self._run_id:
            return None
        told = self.settled.outcomes.get(effect.call.id)
        if told is None or not self.history.begun(place):
            return None
        return bounded(told, effect.call, effect.max_characters)

    def _must_be_told(self, effect: Effect[Any], place: str) -> TypeGuard[CallTool]:
        return not self._retold and must_not_repeat(effect) and self.history.begun(place)


def as_recorded(effect: Effect[Any], recorded: EffectTrace | ToolResult) -> Effect[Any]:
    """Return an effect as the log has it, which later entries refer to; a changed bot asks something else today."""
    if not isinstance(recorded, EffectTrace):
        return effect
    match effect:
        case Complete() if recorded.request is not None:
            return type(effect)(recorded.request)
        case Remember() | Say():
            return type(effect)(recorded.messages)
        case Retrieve() if recorded.search is not None:
            return recorded.search
        case _:
            return effect


def must_not_repeat(effect: Effect[Any]) -> TypeGuard[CallTool]:
    """Say whether an effect may not be tried again once it has begun."""
    return isinstance(effect, CallTool) and not effect.tool.idempotent


def outcome_of(recorded: EffectTrace | ToolResult) -> Any:
    """Return what a recorded effect gave, or raise its error."""
    if isinstance(recorded, ToolResult):
        return recorded
    if recorded.error is not None:
        raise revived(recorded.error, recorded.partial)
    match recorded.effect:
        case "complete" | "rephrase":
            return recorded.completion
        case "recall":
            return recorded.messages
        case "remember" | "say":
            return None
        case "retrieve":
            return recorded.retrieval
        case "call_tool":
            return recorded.result
        case kind:
            return msgspec.convert(recorded.outcome, _OUTCOMES[kind])


def _is_added(turn: tuple[Message, ...], before: tuple[Message, ...], now: tuple[Message, ...]) -> bool:
    """Say whether a conversation has a turn that it did not have before; it may have had its like."""
    return (now != before and now[-len(turn) :] == turn) or _times(turn, now) > _times(turn, before)


def _times(turn: tuple[Message, ...], messages: tuple[Message, ...]) -> int:
    return sum(messages[at : at + len(turn)] == turn for at in range(len(messages) - len(turn) + 1))


def waits_for(what: str, mend: str, calls: Sequence[ToolCall]) -> str:
    """Return the words of a run that waits for someone."""
    named = ", ".join(f"{call.name} ({call.id!r})" for call in calls)
    return f"the run waits for {what} {named}; go on with resume(run_id, {mend})"
