"""Writing recordings: runs as `recorder.export` writes them, without what would be another each time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Any

import msgspec

from llamabot.ports.completion import CONNECTION_OPTIONS
from llamabot.ports.exports import write_export
from llamabot.ports.recorder import (
    Blob,
    EffectFinished,
    EffectStarted,
    RecorderPort,
    RunEvent,
    RunStarted,
    decode_event,
    encode_event,
)
from llamabot.ports.secrets import Secret, Secrets, is_secret_name
from llamabot.ports.summary import RunSummary
from llamabot.testing.recordings.keys import CallNumbers, renamed

__all__ = ["stable", "write_recording"]

Runs = Mapping[str, Sequence[RunEvent]]
_SHORTEST_KEY = 8
_SHORTEST_REPLACED = 16  # of ids of runs in texts; a shorter one may be a word


def write_recording(path: str | os.PathLike[str], recorders: Iterable[RecorderPort]) -> None:
    """Write all runs of recorders to a file; one that was there is replaced.

    Raises:
        UsageError: there is no run.
        RecorderError: the file cannot be written.

    Law: runs in which a model answered the same give the same file, to the byte.
    """
    runs = {run_id: events for recorder in recorders for run_id, events in _runs(recorder, None)}
    write_export(path, stable(runs))


def stable(runs: Runs) -> dict[str, tuple[RunEvent, ...]]:
    """Return runs without times, with numbers for ids, and with the events of effects in the order of their paths."""
    numbers = {run_id: f"run-{number}" for number, run_id in enumerate(runs, 1)}
    calls = CallNumbers()
    return {numbers[run_id]: _Steady(events, numbers, calls).events() for run_id, events in runs.items()}


def _runs(recorder: RecorderPort, parent_id: str | None) -> Iterator[tuple[str, Sequence[RunEvent]]]:
    """Yield the runs inside a run in the order of their starts, each followed by those inside it."""
    inside = [run for run in recorder.runs(parent_id=parent_id) if run.parent_id == parent_id]
    for run in _in_turn(inside, recorder):
        yield run.run_id, recorder.events(run.run_id)
        yield from _runs(recorder, run.run_id)


def _in_turn(runs: Iterable[RunSummary], recorder: RecorderPort) -> Iterator[RunSummary]:
    """Yield runs in the order of their starts; those that went on at once in the order of what they were given."""
    at_once: list[RunSummary] = []
    for run in sorted(runs, key=lambda run: run.started_ns):
        if at_once and run.started_ns >= max(_end(other) for other in at_once):
            yield from sorted(at_once, key=lambda run: _given(run.run_id, recorder))
            at_once = []
        at_once.append(run)
    yield from sorted(at_once, key=lambda run: _given(run.run_id, recorder))


def _end(run: RunSummary) -> float:
    return float("inf") if run.finished_ns is None else run.finished_ns


def _given(run_id: str, recorder: RecorderPort) -> list[bytes]:
    return [encode_event(event) for event in stable({run_id: recorder.events(run_id)})["run-1"]]


class _Steady:
    """One run, on its way to what is the same each time.

    Args:
        events: of the run.
        numbers: for the ids of all runs.
        calls: for the ids of all calls.
    """

    def __init__(self, events: Sequence[RunEvent], numbers: Mapping[str, str], calls: CallNumbers) -> None:
        self._blobs = {event.digest: event for event in events if isinstance(event, Blob)}
        self._events = [event for event in events if not isinstance(event, Blob)]
        self._numbers, self._calls = numbers, calls
        self._kept: dict[str, Blob] = {}
        self._keys = _keys_of_the_environment()

    def events(self) -> tuple[RunEvent, ...]:
        """Return the events, preceded by the blobs in the order in which they are referred to."""
        told = [self._event(event) for event in _by_path(self._events)]
        return (*self._kept.values(), *told)

    def _event(self, event: Any) -> RunEvent:
        changes: dict[str, Any] = {"at_ns": 0, "run_id": self._number(event.run_id)}
        if isinstance(event, EffectFinished):
            changes["first_ns"] = None
        if isinstance(event, RunStarted) and event.parent_id is not None:
            changes["parent_id"] = self._number(event.parent_id)
        fields = msgspec.json.decode(encode_event(msgspec.structs.replace(event, **changes)))
        return decode_event(self._text(fields).encode())

    def _text(self, value: Any) -> str:
        """Return a value as JSON text in which nothing is another each time."""
        steady = renamed(self._without_places(value), self._calls.__getitem__)
        text = msgspec.json.encode(steady).decode()
        for run_id, number in self._numbers.items():
            if len(run_id) >= _SHORTEST_REPLACED:
                text = text.replace(run_id, number)
        return self._keys.scrubbed(text)

    def _without_places(self, value: Any) -> Any:
        """Return a value without the options of a connection, and with the new digests of blobs."""
        if isinstance(value, str):
            return self._blob(value) if value in self._blobs else value
        if isinstance(value, list):
            return [self._without_places(item) for item in value]
        if isinstance(value, dict):
            left = {name: self._without_places(item) for name, item in value.items()}
            if isinstance(left.get("options"), dict):
                left["options"] = {k: v for k, v in left["options"].items() if k not in CONNECTION_OPTIONS}
            return left
        return value

    def _blob(self, digest: str) -> str:
        if digest not in self._kept:
            data = self._text(msgspec.json.decode(self._blobs[digest].data))
            new = blake2b(data.encode(), digest_size=16).hexdigest()
            self._kept[digest] = Blob(self._number(self._blobs[digest].run_id), new, data)
        return self._kept[digest].digest

    def _number(self, run_id: str) -> str:
        return self._numbers.get(run_id, run_id)


def _by_path(events: Iterable[RunEvent]) -> Iterator[RunEvent]:
    """Yield the events with those of effects by path, between one event of the run and the next."""
    for of_effects, group in groupby(events, key=lambda event: isinstance(event, EffectStarted | EffectFinished)):
        between = list(group)
        yield from sorted(between, key=_place) if of_effects else between


def _place(event: Any) -> tuple[list[int], int, bool]:
    return [int(number) for number in event.path.split(".")], event.attempt, isinstance(event, EffectFinished)


def _keys_of_the_environment() -> Secrets:
    return Secrets(
        {
            name: Secret(value)
            for name, value in os.environ.items()
            if is_secret_name(name) and len(value) >= _SHORTEST_KEY
        }
    )
