"""A run in a file of its own: to be sent, kept beside tests, and replayed.

The file is one JSON object, written with sorted keys and indented, so that two of them can be compared:
`schema` (`LOG_SCHEMA_VERSION`), `run_id` (the outermost run) and `runs`, which has the events of that run and of every
run inside it, by run id. Credentials are taken out on writing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import msgspec

from llamabot.ports.errors import RecorderError, UsageError
from llamabot.ports.recorder import LOG_SCHEMA_VERSION, RecorderPort, RunEvent, decode_event, encode_event
from llamabot.ports.redaction import redacted_events

__all__ = ["Export", "export_run", "read_export", "write_export"]


class Export:
    """The runs of one exported file.

    Attributes:
        run_id: of the outermost run.
        run_ids: of all runs, sorted.
    """

    def __init__(self, run_id: str, runs: Mapping[str, tuple[RunEvent, ...]], source: str) -> None:
        self.run_id = run_id
        self.run_ids = tuple(sorted(runs))
        self._runs = runs
        self._source = source

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return the events of a run as a recorder does: its blobs first.

        Raises:
            UsageError: the run is not in the file.
        """
        if run_id not in self._runs:
            raise UsageError(f"{self._source} has no run {run_id!r}; it is an export of {self.run_id!r}")
        return self._runs[run_id]

    def __repr__(self) -> str:
        return f"Export(run_id={self.run_id!r}, runs={len(self._runs)})"


def export_run(recorder: RecorderPort, run_id: str, path: str | os.PathLike[str]) -> None:
    """Write a run of a recorder, and the runs inside it, to a file.

    Raises:
        UsageError: the recorder knows no such run.
        RecorderError: the log cannot be read, or the file not be written.
    """
    runs: dict[str, Sequence[RunEvent]] = {}
    waiting = [run_id]
    while waiting:
        found = waiting.pop()
        if found not in runs:
            runs[found] = recorder.events(found)
            waiting += [run.run_id for run in recorder.runs(parent_id=found)]
    if not runs[run_id]:
        raise UsageError(f"there is no run {run_id!r} to export; `runs()` tells which there are")
    write_export(path, runs)


def write_export(path: str | os.PathLike[str], runs: Mapping[str, Sequence[RunEvent]]) -> None:
    """Write runs to a file that its owner alone can read, whole or not at all; one that was there is replaced.

    Args:
        path: of the file; `~` is expanded.
        runs: the events of each run by its id, the outermost run first.

    Raises:
        UsageError: there are no runs.
        RecorderError: the file cannot be written.

    Law: `read_export` gives the same events, if nothing in them looks like a credential.
    """
    run_id = next(iter(runs), None)
    if run_id is None:
        raise UsageError("there is no run to export")
    content = {
        "schema": LOG_SCHEMA_VERSION,
        "run_id": run_id,
        "runs": {name: [_plain(event) for event in redacted_events(events)] for name, events in runs.items()},
    }
    data = msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2)
    _replace(Path(path).expanduser(), data + b"\n")


def read_export(path: str | os.PathLike[str]) -> Export:
    """Return what `write_export` wrote.

    Raises:
        UsageError: there is no such file, it is not an export, or a newer LlamaBot wrote it.
    """
    source = repr(str(path))
    try:
        content = msgspec.json.decode(Path(path).expanduser().read_bytes(), type=_Content)
    except OSError as error:
        raise UsageError(f"the export {source} cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is not an export of a run: {error}; `recorder.export` writes one") from error
    if content.schema > LOG_SCHEMA_VERSION:
        raise UsageError(
            f"{source} was exported by a newer LlamaBot (its version is {content.schema}, this one reads "
            f"{LOG_SCHEMA_VERSION}); upgrade to use it"
        )
    try:
        runs = {run_id: tuple(decode_event(event) for event in events) for run_id, events in content.runs.items()}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{source} is damaged: {error}; export the run again") from error
    if content.run_id not in runs:
        raise UsageError(f"{source} is damaged: run {content.run_id!r} is not in it; export the run again")
    return Export(content.run_id, runs, source)


class _Content(msgspec.Struct):
    schema: int
    run_id: str
    runs: dict[str, list[msgspec.Raw]]  # events are read once the version is known


def _plain(event: RunEvent) -> Any:
    return msgspec.json.decode(encode_event(event))


def _replace(path: Path, data: bytes) -> None:
    try:
        descriptor, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise RecorderError(f"cannot export to {str(path)!r}: {error.strerror or error}") from error
