"""The whole way to a provider over HTTP: the answer, the log, the key, Ctrl-C."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.command import Ended
from tests.servers.chat import ChatServer, failure, stream_of
from tests.servers.replies import Exchange, Reply

CANARY = "sk-canary-4711"

# Loading the provider's library takes seconds: the commands of a test share a process.
IN_ONE_PROCESS = """
import gc, sys
from llamabot.app.cli import main
for words in sys.argv[1:]:
    status = main(words.split())
    for stream in (sys.stdout, sys.stderr):
        print(f"<status {status}>", file=stream, flush=True)
gc.freeze()  # its end comes sooner
"""

pytestmark = pytest.mark.loopback


def _each(*commands: str, until: str) -> list[Ended]:
    """Run commands one after the other in one process, which ends well and has nothing more to say.

    It gets a Ctrl-C as soon as it has printed a text.
    """
    command, pipe = [sys.executable, "-c", IN_ONE_PROCESS, *commands], subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        try:
            begun = _read(process, until)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=90)
        finally:
            process.kill()
    printed, told = (begun + rest).decode(), errors.decode()
    assert process.returncode == 0, told
    *outs, out = re.split(r"<status \d+>\n", printed)
    *errs, err = re.split(r"<status \d+>\n", told)
    assert (out, err) == ("", "")
    statuses = map(int, re.findall(r"<status (\d+)>\n", printed))
    return [Ended(*ended) for ended in zip(statuses, outs, errs, strict=True)]


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A provider on this machine, to which every command speaks."""
    (tmp_path / "pyproject.toml").touch()
    with ChatServer() as server:
        monkeypatch.setenv("LLAMABOT_MODEL", "openai/gpt-x")
        monkeypatch.setenv("OPENAI_API_BASE", server.api_base)
        monkeypatch.setenv("OPENAI_API_KEY", CANARY)
        yield server


def test_stops_at_ctrl_c_answers_records_and_keeps_the_key(provider: ChatServer) -> None:
    replies = iter([stream_of(["caf", "é ", "\x1b[31m", "🙂"]), failure(401, f"wrong key {CANARY}")])
    left: list[bool] = []

    def reply(_: Exchange) -> Reply:
        left.append(provider.exchanges[0].left.wait(1))  # while the process that left it lives on
        return next(replies)

    provider.script(stream_of(["word "] * 10_000, pause_s=0.05))
    provider.respond = reply
    commands = ("ask ?", "show", "ask ?", "ask --debug ?", "show", "show --full", "runs", "doctor")
    stopped, shown_stopped, ended, refused, *others = _each(*commands, until="word word")
    assert stopped.status == 130
    assert "word word" in stopped.out
    assert "ask  cancelled" in shown_stopped.out
    assert left == [True, True]
    assert (ended.status, ended.out, ended.err) == (0, "café \x1b[31m🙂\n", "")
    assert provider.exchanges[0].headers["authorization"] == f"Bearer {CANARY}"
    assert (refused.status, refused.out) == (1, "")
    assert [other.status for other in others] == [0, 0, 0, 0]
    shown = "".join(other.out + other.err for other in others)
    assert "AuthenticationFailed" in shown
    stored = b"".join(path.read_bytes() for path in Path(".llamabot").iterdir())
    assert CANARY not in refused.err + shown
    assert CANARY.encode() not in stored


def _read(process: subprocess.Popen[bytes], until: str) -> bytes:
    """Return what a process has printed when a text is there."""
    assert process.stdout is not None
    printed = b""
    while until.encode() not in printed:
        assert select.select([process.stdout], [], [], 60)[0]
        more = os.read(process.stdout.fileno(), 65536)
        assert more, printed
        printed += more
    return printed
