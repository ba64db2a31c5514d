"""Models that are loaded in this process: one for each setting, shared by whoever asks.

A loaded model answers one job at a time, on a daemon thread of its own, in the order of asking; jobs, not locks, are
what callers share, so a caller who gives up waiting leaves nothing held. llama.cpp's threads do not live on in a
forked child: there every model is loaded anew and stays to the end, and what was inherited is never touched again.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any
from weakref import WeakSet

from llamabot.adapters.llamacpp.server import Server, Settings, start_server
from llamabot.adapters.llamacpp.wire import error_from
from llamabot.ports.errors import LlamabotError

__all__ = ["End", "Event", "Job", "release", "submit"]

_PATIENCE_AT_EXIT_S = 10.0


class End:
    """The last event of a job that the runtime answered to its end."""


Event = bytes | Exception | End


class Job:
    """One thing asked of a model, seen by the thread that asks and by the one that answers.

    Args:
        method: which of `Server`'s methods is called.
        deliver: takes each event, on the model's thread; the last is an `End` or an exception.
    """

    def __init__(self, method: str, body: bytes, deliver: Callable[[Event], None]) -> None:
        self.method = method
        self.body = body
        self.deliver = deliver
        self.stopped = False

    def stop(self) -> None:
        """Let the model leave it, within one token or one batch of the prompt. Nothing is delivered afterwards."""
        self.stopped = True

    def take(self, event: bytes) -> bool:
        """Pass an event on; return whether the runtime shall stop."""
        if not self.stopped:
            self.deliver(event)
        return self.stopped

    def finish(self, event: Event) -> None:
        """Pass the last event on."""
        if not self.stopped:
            self.deliver(event)


class LoadedModel:
    """A model and the thread on which it works. It is loaded by its first job, and again after a failure."""

    def __init__(self, settings: Settings) -> None:
        self.users: WeakSet[Any] = WeakSet()
        self.server: Server | None = None
        self._settings = settings
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._current: Job | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="llamabot-embedded", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Have a job done, after those that were submitted before."""
        self._jobs.put(job)

    def close(self) -> None:
        """Stop the job at hand, drop the waiting ones and free the model."""
        self._closing = True
        self._jobs.put(None)
        if current := self._current:
            current.finish(End())
            current.stop()
        self._thread.join(_PATIENCE_AT_EXIT_S)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._current = job
            if self._closing:
                job.finish(End())
            elif not job.stopped:
                self._answer(job)
            self._current = job = None
        self.server = None

    def _answer(self, job: Job) -> None:
        try:
            if self.server is None:
                self.server = start_server(self._settings)
                if _forked:
                    _never_destroy(self.server)
            getattr(self.server, job.method)(job.body, job.take)
        except LlamabotError as error:
            job.finish(error)
        except Exception as error:  # noqa: BLE001 - whatever the vendor raises belongs to who asked
            ours = error_from(error)
            ours.__cause__ = error
            job.finish(ours)
        else:
            job.finish(End())


_lock = threading.Lock()
_models: dict[Settings, LoadedModel] = {}
_forked = False
_hooked = False


def submit(settings: Settings, user: object, job: Job) -> None:
    """Have a job done by the process's model with these settings, which is held for `user` until `release`."""
    with _lock:
        _hook()
        model = _models.get(settings)
        if model is None:
            model = _models[settings] = LoadedModel(settings)
        model.users.add(user)
        model.submit(job)


def release(user: object) -> None:
    """Free the models that nobody uses but this user."""
    with _lock:
        for model in _models.values():
            model.users.discard(user)
        unused = [settings for settings, model in _models.items() if not model.users]
        closing = [_models.pop(settings) for settings in unused if not _forked]
    for model in closing:
        model.close()


def _hook() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True
    atexit.register(_close_all)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_as_a_child)


def _close_all() -> None:
    """End every model's thread before the interpreter goes: it must not come back into Python from C++ after that."""
    with _lock:
        closing = list(_models.values())
        _models.clear()
    for model in closing:
        model.close()


def _begin_as_a_child() -> None:
    global _lock, _forked
    _lock = threading.Lock()
    _forked = True
    for model in _models.values():
        _never_destroy(model.server)
    _models.clear()
    _end_before_destructors()


def _never_destroy(server: Server | None) -> None:
    """See that a server's destructor does not run: it waits for threads that were left behind in the parent."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))
    _end_before_destructors()


def _end_before_destructors() -> None:
    """Have the process end, with its exit status, before the destructors of llama.cpp's globals wait likewise.

    That is after Python's own end. Handlers run in the reverse of the order in which they were registered, hence one
    for each server. Only the GNU library has handlers that know the exit status; elsewhere a forked child that used a
    model should end by `os._exit`, as those of `multiprocessing` do.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "on_exit"):
            library["on_exit"](library["_exit"], None)
