"""The whole way to a provider over HTTP: the answer, the log, the key, Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.command import Ended
from tests.servers.chat import ChatServer, failure, stream_of
from tests.servers.replies import Exchange, Reply

CANARY = "sk-canary-4711"

# Loading the provider's library takes seconds: the commands of a test share a process.
IN_ONE_PROCESS = """
import sys
from llamabot.app.cli import main
for words in sys.argv[1:]:
    status = main(words.split())
    for stream in (sys.stdout, sys.stderr):
        print(f"<status {status}>", file=stream, flush=True)
"""

pytestmark = pytest.mark.loopback


def _each(*commands: str, stop: Callable[[], object]) -> list[Ended]:
    """Run commands one after the other in one process, which ends well and has nothing more to say.

    It gets a Ctrl-C as soon as `stop` returns.
    """
    command, pipe = [sys.executable, "-c", IN_ONE_PROCESS, *commands], subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            stop()
            process.send_signal(signal.SIGINT)
            printed, told = process.communicate(timeout=90)
        finally:
            process.kill()
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
    stopped, shown_stopped, ended, refused, *others = _each(*commands, stop=lambda: _some_of_an_answer(provider))
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


def _some_of_an_answer(provider: ChatServer) -> None:
    """Wait until a provider has sent some words."""
    exchange = provider.wait_for(1, timeout_s=60.0)
    deadline = time.monotonic() + 20
    while exchange.fragments_sent < 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)
