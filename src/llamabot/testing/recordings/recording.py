"""A recording that answers."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from llamabot.adapters.fake.completion import FunctionCompletion
from llamabot.domain.history import revived
from llamabot.domain.trace import EffectTrace, RunTrace, read_trace
from llamabot.ports.completion import Completion, CompletionRequest, ModelCapabilities
from llamabot.ports.errors import CompletionError, UsageError
from llamabot.ports.exports import read_export
from llamabot.testing.recordings.keys import difference, lines_of

__all__ = ["Recording", "RecordingMissed"]

_Lines = tuple[str, ...]


class RecordingMissed(UsageError):
    """A request was asked that the recording has no answer to."""


class Recording:
    """The answers of recorded runs, by what was asked. Safe to share by threads.

    Args:
        path: of the file.

    Attributes:
        completion: a completion port of both colours that answers from here. The same request asked again gets the
            next answer that was recorded for it, in the order of the file.
        missed: what was asked in vain, as the errors told it.

    Raises:
        UsageError: there is no such file, or it is no recording.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.missed: list[str] = []
        self.completion = _RecordedCompletion(self)
        self._lock = threading.Lock()
        self._answers: dict[_Lines, deque[Completion | CompletionError]] = defaultdict(deque)
        self._capabilities: dict[str, ModelCapabilities] = {}
        export = read_export(path)
        for run_id in export.run_ids:
            self._take(read_trace(export.events(run_id)))

    def answer(self, request: CompletionRequest) -> Completion | CompletionError:
        """Return what was answered to a request, or the error that it met.

        Raises:
            RecordingMissed: it was never asked, or less often.
        """
        asked = lines_of(request)
        with self._lock:
            if answers := self._answers.get(asked):
                return answers.popleft()
            self.missed.append(self._told(asked))
            raise RecordingMissed(self.missed[-1])

    def capabilities(self, model: str) -> ModelCapabilities:
        """Return what was known of a model when it was recorded."""
        return self._capabilities.get(model, ModelCapabilities())

    def _take(self, trace: RunTrace) -> None:
        for effect in trace.effects:
            if effect.effect == "describe_model" and effect.outcome is not None:
                known = msgspec.convert(effect.outcome, ModelCapabilities)
                self._capabilities.setdefault(trace.summary.model or "", known)
            elif effect.request is not None:
                self._answers[lines_of(effect.request)].extend(_answers(effect))

    def _told(self, asked: _Lines) -> str:
        if asked in self._answers:
            return (
                f"{self.path.name} has no further answer to a request that was asked more often now than then; if the "
                "code is right, record again: pytest --llamabot-record"
            )
        return (
            f"{self.path.name} has no answer to what is asked; if the change is meant, record again: "
            f"pytest --llamabot-record\n{difference(asked, self._answers) or 'nothing was recorded in it'}"
        )


class _RecordedCompletion(FunctionCompletion):
    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.answer)
        self._recording = recording

    def capabilities(self, model: str) -> ModelCapabilities:
        return self._recording.capabilities(model)


def _answers(effect: EffectTrace) -> Iterator[Completion | CompletionError]:
    """Yield what the port gave, if it came to that: a call that was cancelled or ran out of time got no answer."""
    if effect.completion is not None:
        yield effect.completion
    elif effect.error is not None:
        error: Any = revived(effect.error, effect.partial)
        if isinstance(error, CompletionError):
            yield error
