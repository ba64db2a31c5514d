"""Going on with a run: in one hand at a time, from a recorder or from an exported file."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from os import PathLike
from typing import TypeVar

from llamabot.domain.history import History
from llamabot.domain.operations import Steps, Wait
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.recorder import RecorderPort

__all__ = ["claimed", "recorded", "releasing"]

T = TypeVar("T")


def claimed(recorder: RecorderPort, run_id: str, steps: Steps[T]) -> Steps[T]:
    """Go through a run that nobody else may go on with meanwhile."""
    held = ExitStack()
    held.callback((yield Wait(partial(recorder.claim, run_id))).release)
    return (yield from releasing(held, steps))


def releasing(held: ExitStack, steps: Steps[T]) -> Steps[T]:
    """Go through a run and then give back what was held for it."""
    with held:
        return (yield from steps)


def recorded(recording: str | PathLike[str], recorder: RecorderPort | None) -> History:
    """Return what a run has done: the outermost of a file, or one that the recorder knows.

    Args:
        recording: the path of an exported file, which ends in `.json`, or a run's id.
        recorder: that knows the id.
    """
    if not isinstance(recording, str) or recording.endswith(".json"):
        from llamabot.ports.exports import read_export

        export = read_export(recording)
        return History(export.events(export.run_id), export.run_id, redacted=True)
    if recorder is None:
        raise ConfigurationError(f"run {recording} cannot be looked up: recording is off; give the path of an export")
    return History(recorder.events(recording), recording)
