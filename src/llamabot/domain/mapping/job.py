"""A job: a map whose runs have a name in the log, so that it goes on where it was after a crash.

The id of an item's run is made of the job's name and the item's key. So one look at which runs the job has says which
inputs were begun, and a crash cannot begin one twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from typing import Any

from llamabot.domain.encoding import digest_of, encoded
from llamabot.domain.operations import Steps, Wait
from llamabot.ports.errors import ConfigurationError, RunBusy, UsageError
from llamabot.ports.messages import Message
from llamabot.ports.recorder import Claim, RecorderPort

__all__ = ["JOB_TAG", "KEY_TAG", "Job", "can_resume"]

JOB_TAG, KEY_TAG = "map", "map.key"
_BETWEEN_FLUSHES = 64
_NEAR = 50_000  # keys: those of ten million inputs would be gigabytes, and no map draws so far ahead of its log
_KEY_CHARACTERS = 200  # of a key that people see in the log; it may be a whole text
Key = Callable[[Any], str | int]


def can_resume(recorder: RecorderPort | None) -> bool:
    """Say whether another process can go on with what is in a log: it has contents, and outlives this one."""
    return recorder is not None and getattr(recorder, "resumable", True)


class Job:
    """The runs of one map by their keys.

    Args:
        name: of the job.
        recorder: keeps its log.
        key: names an input; by default its index and what it says do.
        near: how many inputs' keys are kept, to see that one is given twice; about earlier ones the log is asked.

    Raises:
        ConfigurationError: the recorder's runs could not be gone on with.
    """

    def __init__(self, name: str, recorder: RecorderPort | None, key: Key | None, near: int = _NEAR) -> None:
        if recorder is None or not can_resume(recorder):
            raise ConfigurationError(
                f"resume={name!r} needs a log that keeps contents and outlives the process: "
                'recorder=lmb.SqliteRecorder("runs.db", durable=True)'
            )
        self._name, self._recorder, self._key = name, recorder, key
        self._prefix = _digest(name, 6)
        self._claim: Claim | None = None
        self._begun: set[str] = set()
        self._near, self._forgets = near, False
        self._given: OrderedDict[str, int] = OrderedDict()

    def opening(self) -> Steps[None]:
        """Take the job in hand and learn which of its runs were begun.

        Raises:
            RunBusy: it is in somebody's hand.
        """
        try:
            self._claim = yield Wait(partial(self._recorder.claim, f"map {self._name}"))
        except RunBusy as error:
            raise RunBusy(f"the job {self._name!r} is at work elsewhere: {error}") from error
        self._begun = yield Wait(self._runs)

    def close(self) -> None:
        """Give the job back."""
        if self._claim is not None:
            self._claim.release()

    def key_of(self, index: int, given: Any) -> str | None:
        """Return the key of an input, None where its index and what it says name it. Called in the inputs' order.

        Raises:
            UsageError: it is no key, or another input has it.
        """
        if self._key is None:
            return None
        key = self._key(given)
        if not isinstance(key, str | int):
            raise UsageError(f"key= gives a text or a number for each input, not {type(key).__name__}")
        before = self._given.setdefault(_digest(str(key), 14), index)
        if before != index:
            raise UsageError(f"the inputs {before} and {index} have the same key {str(key)!r}: a key names one input")
        if len(self._given) > self._near:
            self._given.popitem(last=False)
            self._forgets = True
        return str(key)

    def refusing_a_known(self, key: str | None, index: int, run_id: str) -> Steps[None]:
        """Refuse the key of an input that this map has begun, though the key is kept no longer.

        Raises:
            UsageError: another input has it.
            RecorderError: the log cannot be read.
        """
        if key is not None and self._forgets and (yield Wait(partial(self._recorder.events, run_id))):
            raise UsageError(
                f"the input {index} has the key {key!r} of an earlier one, whose run is {run_id}: a key names one input"
            )

    def place(self, index: int, key: str | None, messages: tuple[Message, ...]) -> tuple[str, Mapping[str, str]]:
        """Return the id of an item's run, and the tags by which it is found again.

        Ids of a job begin alike and, without keys, ascend: so a log in a file writes those that come together beside
        each other. In no order they cost several times as much, once there are tens of thousands.
        """
        if key is not None:
            return f"{self._prefix}{_digest(key, 14)}", {JOB_TAG: self._name, KEY_TAG: key[:_KEY_CHARACTERS]}
        said = digest_of(b"\n".join(map(encoded, messages)))[:16]
        return f"{self._prefix}{index:08x}{said}", {JOB_TAG: self._name, KEY_TAG: str(index)}

    def keeping_up(self, index: int) -> Steps[None]:
        """Wait, once for many inputs, until the log has what it was given: what it lacks, a crash pays for again."""
        flush = getattr(self._recorder, "flush", None)
        if flush is None or (index + 1) % _BETWEEN_FLUSHES:
            return
        with suppress(Exception):  # no answer is lost for what a recorder does, and it tells of its trouble itself
            yield Wait(flush)

    def has_begun(self, run_id: str) -> bool:
        """Say whether the log had a run when the job was opened. Asked once for each."""
        begun = run_id in self._begun
        self._begun.discard(run_id)
        return begun

    def _runs(self) -> set[str]:
        return {run.run_id for run in self._recorder.runs(tags={JOB_TAG: self._name})}


def _digest(text: str, size_bytes: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size_bytes).hexdigest()
