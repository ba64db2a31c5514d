"""Running `llamabot` as a user does: in a process of its own, with pipes or on a terminal.

What it has left is looked at in this process: that is quicker.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from llamabot.app.cli import main

__all__ = ["LLAMABOT", "Ended", "Terminal", "look", "run"]

LLAMABOT = (sys.executable, "-m", "llamabot")
_TIMEOUT_S = 90.0
# Beside other tests a second thread of the model mostly waits for a processor, and the first, busily, for the second.
_ONE_THREAD = {"OMP_THREAD_LIMIT": "1"}
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def run(*arguments: str | Path, stdin: str = "", cwd: Path | None = None, **variables: str) -> Ended:
    """Run a command with pipes; more keywords are variables of its environment."""
    done = subprocess.run(
        [*LLAMABOT, *map(str, arguments)],
        input=stdin.encode(),
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **_ONE_THREAD, **variables},
        timeout=_TIMEOUT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def look(*arguments: str) -> Ended:
    """Run a command in this process: for one that shows what others have done, and is not itself what is tried."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    return Ended(status, _all_of(out), _all_of(err))


def _all_of(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


class Terminal:
    """A command on a terminal, inside a `with` block that it does not outlive.

    Args:
        arguments: of the command.
        program: what is run instead of `llamabot` itself.
        columns: of the terminal.
        variables: of its environment.

    Attributes:
        seen: all that the terminal was sent so far, escape sequences included.
        busy_s: how long processors have worked for the command, once it has ended.
    """

    def __init__(
        self, *arguments: str, program: Sequence[str] = LLAMABOT, columns: int = 100, **variables: str
    ) -> None:
        self.seen = ""
        self.busy_s = 0.0
        self._status: int | None = None
        self._read = 0
        environment = {**os.environ, **_ONE_THREAD, "TERM": "xterm-256color", "COLUMNS": str(columns), **variables}
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.execvpe(program[0], [*program, *arguments], environment)  # noqa: S606 - a shell would be in the way
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    @property
    def text(self) -> str:
        """What was seen, without colours, with plain line ends."""
        return _COLOURS.sub("", self.seen).replace("\r\n", "\n")

    def wait_for(self, text: str) -> str:
        """Return what came since the last wait, up to and with a text."""
        deadline = time.monotonic() + _TIMEOUT_S
        while text not in self.text[self._read :]:
            if not self._receive(deadline):
                raise AssertionError(f"{text!r} did not come; the terminal shows: {self.text!r}")
        start, self._read = self._read, self.text.index(text, self._read) + len(text)
        return self.text[start : self._read]

    def type(self, keys: str) -> None:
        """Press keys: `\\n` is Enter, `\\x03` is Ctrl-C, `\\x04` is Ctrl-D."""
        os.write(self._fd, keys.encode())

    def end(self) -> int:
        """Wait until the command ends by itself; return its status."""
        deadline = time.monotonic() + _TIMEOUT_S
        while self._receive(deadline):
            pass
        if self._status is None:
            _, status, used = os.wait4(self._pid, 0)
            self._status, self.busy_s = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        return self._status

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    def _receive(self, deadline: float) -> bool:
        """Take in what has come; False if the command is over or the deadline has passed."""
        readable, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._fd, 65536) if readable else b""
        except OSError:  # Linux's way to say that the other side has closed
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)
