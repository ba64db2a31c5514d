"""The trace of a run: its log read back as values, for people and for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from llamabot.domain.call_ids import told_apart
from llamabot.domain.effects import Retrieve
from llamabot.domain.log import LogReader
from llamabot.domain.logged import LoggedCall, RunInput
from llamabot.domain.messages import closed, tool_message
from llamabot.domain.retrieval import Retrieval
from llamabot.ports.completion import Completion, CompletionRequest, Usage
from llamabot.ports.errors import UsageError
from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.recorder import Blob, EffectFinished, EffectStarted, ErrorRecord, RunEvent, RunStarted, TryRecord
from llamabot.ports.summary import RunSummary, summarize
from llamabot.ports.tools import ToolCall, ToolResult

__all__ = ["EffectTrace", "RunTrace", "read_trace"]


class EffectTrace(msgspec.Struct, frozen=True):
    """One effect, from its start to its end.

    Attributes:
        finished_ns: None if it was cut off by a crash.
        first_ns: nanoseconds from the start to the first fragment of a stream.
        request: what a `complete` or a `rephrase` asked; None if only metadata was recorded.
        completion: what it gave.
        messages: what a `recall` gave or a `remember` stored; of a `say`, the transcript with its answer.
        search: what a `retrieve` looked for.
        retrieval: what it found.
        call: what a `call_tool` ran, or an `ask_approval` asked about.
        result: what it gave.
        outcome: what any other effect gave, as JSON has it.
        partial: what had arrived of an answer that failed.
        tried: what its port tried before: failed requests, other models, waiting.
    """

    path: str
    attempt: int
    effect: str
    started_ns: int
    finished_ns: int | None = None
    first_ns: int | None = None
    request: CompletionRequest | None = None
    completion: Completion | None = None
    messages: tuple[Message, ...] = ()
    search: Retrieve | None = None
    retrieval: Retrieval | None = None
    call: LoggedCall | None = None
    result: ToolResult | None = None
    outcome: Any = None
    partial: AssistantMessage | None = None
    error: ErrorRecord | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    tried: tuple[TryRecord, ...] = ()


class RunTrace(msgspec.Struct, frozen=True):
    """A run and its effects, in the order of their paths.

    Attributes:
        input: what the call was given; None if only metadata was recorded.
    """

    summary: RunSummary
    effects: tuple[EffectTrace, ...]
    input: RunInput | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The transcript: the last request's messages, the answer to it, and the results of the tools it called."""
        results = {effect.result.call_id: tool_message(effect.result) for effect in self.effects if effect.result}
        for effect in reversed(self.effects):
            if effect.effect == "say":
                return effect.messages
            if effect.request is not None and effect.effect != "rephrase":
                asked = effect.request.messages
                answer = effect.completion.message if effect.completion else effect.partial
                messages = asked if answer is None else (*asked, told_apart(answer, asked))
                is_open = self.summary.error is None and not any(call.id in results for call in _calls(answer))
                return messages if is_open else closed(messages, results)
        return ()


def read_trace(events: Iterable[RunEvent]) -> RunTrace:
    """Return what the events of one run tell.

    Raises:
        UsageError: the run's start is not among them.
    """
    events = tuple(events)
    summary = summarize(events)
    if summary is None:
        raise UsageError("these events have no start of a run: pass recorder.events(run_id) of a run that is known")
    reader = LogReader()
    effects: dict[tuple[str, int], EffectTrace] = {}
    given: RunInput | None = None
    for event in events:
        match event:
            case Blob():
                reader.blob(event)
            case RunStarted(input=dict() as data):
                given = reader.run_input(data)
            case EffectStarted():
                effects[event.path, event.attempt] = _started(event, reader)
            case EffectFinished() if (event.path, event.attempt) in effects:
                started = effects[event.path, event.attempt]
                effects[event.path, event.attempt] = _finished(started, event, reader)
    return RunTrace(summary, tuple(sorted(effects.values(), key=_place)), given)


def _started(event: EffectStarted, reader: LogReader) -> EffectTrace:
    read = {} if event.input is None else _asked(event, reader)
    return EffectTrace(event.path, event.attempt, event.effect, event.at_ns, **read)


def _asked(event: EffectStarted, reader: LogReader) -> dict[str, Any]:
    """Return what is known of what an effect was asked, by the names in `EffectTrace`."""
    match event.effect:
        case "complete" | "rephrase":
            return {"request": reader.request(event.path, event.input)}
        case "remember" | "say":
            return {"messages": reader.messages(event.input)}
        case "retrieve":
            return {"search": Retrieve(*reader.search(event.input))}
        case "call_tool":
            return {"call": msgspec.convert(event.input, LoggedCall)}
        case "ask_approval":
            return {"call": msgspec.convert(event.input["calls"][0], LoggedCall)}
        case _:
            return {}


def _finished(started: EffectTrace, event: EffectFinished, reader: LogReader) -> EffectTrace:
    read = {} if event.outcome is None else _given(event, reader)
    if event.partial is not None:
        read["partial"] = msgspec.convert(event.partial, AssistantMessage)
    return msgspec.structs.replace(
        started,
        finished_ns=event.at_ns,
        first_ns=event.first_ns,
        error=event.error,
        usage=event.usage,
        cost_usd=event.cost_usd,
        tried=event.tried,
        **read,
    )


def _given(event: EffectFinished, reader: LogReader) -> dict[str, Any]:
    """Return what an effect gave, by the names in `EffectTrace`."""
    match event.effect:
        case "complete" | "rephrase":
            return {"completion": reader.completion(event.path, event.outcome)}
        case "recall":
            return {"messages": reader.messages(event.outcome, produced_by=event.path)}
        case "retrieve":
            return {"retrieval": reader.retrieval(event.outcome)}
        case "call_tool":
            return {"result": reader.result(event.path, event.outcome)}
        case _:
            return {"outcome": event.outcome}


def _calls(message: AssistantMessage | None) -> tuple[ToolCall, ...]:
    return message.tool_calls if message else ()


def _place(effect: EffectTrace) -> tuple[tuple[int, ...], int]:
    return tuple(int(step) for step in effect.path.split(".")), effect.attempt
