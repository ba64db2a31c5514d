"""Who has which run in hand: one locked file a claim, in a folder beside the log.

The locks are the operating system's, so that they end with their process, however it ends. A lock belongs to an open
file here, not to a process: threads exclude each other with it as processes do, and a child made by `fork` shares it
until it has closed its copy, which it does at once. Closing a copy does not unlock; giving the claim back does.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from llamabot.adapters.sqlite.forks import survive_forks
from llamabot.ports.errors import RunBusy

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["Claims", "HeldClaim"]

_LOCKED_BYTE = 2**20  # beyond what a file says of its holder: others cannot read what is locked on Windows
_PATIENCE_S = (0.003, 0.03, 0.1)  # who clears dead claims away holds each for microseconds, if it is let work


class HeldClaim:
    """A claim in somebody's hand; it ends when it is released or forgotten."""

    __slots__ = ("_claims", "_descriptor", "_path")

    def __init__(self, claims: Claims, path: str, descriptor: int) -> None:
        self._claims = claims
        self._path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give it back. A second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._claims.give_back(self._path, descriptor)

    def __del__(self) -> None:
        self.release()


class Claims:
    """The claims that one recorder holds on runs of its log.

    Args:
        log: path of the log; the folder is made beside the file that it leads to.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._folder: str | None = None
        # One that may be taken again: the garbage collector may release a claim in the middle of anything.
        self._lock = threading.RLock()
        self._held: dict[int, str] = {}
        survive_forks(self)

    def claim(self, run_id: str) -> HeldClaim:
        """Take a run in hand.

        Raises:
            RunBusy: somebody has it.
            OSError: the folder cannot be written to.
        """
        claim = self.take(run_id)
        for pause_s in _PATIENCE_S:
            if claim is not None:
                return claim
            time.sleep(pause_s)
            claim = self.take(run_id)
        if claim is None:
            raise RunBusy(
                f"run {run_id!r} is in the hands of {self.holder(run_id)}: wait until it has ended or paused there, or "
                "end that process, which frees it"
            )
        return claim

    def take(self, name: str) -> HeldClaim | None:
        """Return the claim on a name, or None if somebody has it.

        Raises:
            OSError: the folder cannot be written to.
        """
        return self._take(self._path(name))

    def holder(self, name: str) -> str:
        """Say who has the claim on a name, as far as that is known."""
        return _holder(self._path(name))

    def give_back(self, path: str, descriptor: int) -> None:
        """Release a claim, if this process holds it: the child of a fork has none of its parent's."""
        with self._lock:
            if self._held.get(descriptor) == path:
                del self._held[descriptor]
                _unlock_and_remove(path, descriptor)

    def clear(self) -> None:
        """Remove what holders left behind that were killed."""
        with suppress(FileNotFoundError):
            for path in [entry.path for entry in os.scandir(self._found_folder())]:
                if claim := self._take(path):
                    claim.release()

    def before_fork(self) -> None:
        """Let no claim be half made."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Close the copies of what the parent holds."""
        for descriptor in self._held:
            os.close(descriptor)
        self._held = {}
        self._lock = threading.RLock()

    def _take(self, path: str) -> HeldClaim | None:
        with self._lock:
            descriptor = _locked(path)
            if descriptor is None:
                return None
            self._held[descriptor] = path
        return HeldClaim(self, path, descriptor)

    def _path(self, run_id: str) -> str:
        """Return the file of a run, whatever characters its id has."""
        name = blake2b(run_id.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        return f"{self._found_folder()}{os.sep}{name}"

    def _found_folder(self) -> str:
        if self._folder is None:
            self._folder = f"{os.path.realpath(self._log)}-claims"
        return self._folder


def _locked(path: str) -> int | None:
    """Return the descriptor of a file that this call has locked, made if it was missing; None if it is locked."""
    while True:
        descriptor = _opened(path)
        try:
            if not _lock(descriptor):
                os.close(descriptor)
                return None
            # Whoever held it before may have removed it after it was opened here; then it is nobody's claim.
            if _is_at(path, descriptor):
                _note_holder(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116 - twice as quick as Path.stat
    except FileNotFoundError:
        return False


def _note_holder(descriptor: int) -> None:
    """Say in the file who has it: for people, nothing depends on it. One length, so that the latest alone is read."""
    with suppress(OSError):
        os.write(descriptor, b"%-20d" % os.getpid())


def _holder(path: str) -> str:
    try:
        pid = int(Path(path).read_bytes())
    except (OSError, ValueError):
        return "another process"
    return "this process" if pid == os.getpid() else f"process {pid}"


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

    def _unlock_and_remove(path: str, descriptor: int) -> None:
        os.close(descriptor)
        # An open file cannot be removed here: it stays if somebody has taken it meanwhile.
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - as above

else:

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock_and_remove(path: str, descriptor: int) -> None:
        # Removed while it is locked, so that it is no newer claim's file; others see that it is gone.
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - as above
        # A child that is being forked may hold a copy, which would keep the lock if nothing but ours were closed.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
