"""The whole way to a provider over HTTP: the answer, the log, the key, Ctrl-C."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.command import Ended, Terminal, run
from tests.servers.chat import ChatServer, failure, stream_of

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


def _each(*commands: str) -> list[Ended]:
    """Run commands one after the other in one process, which ends well and has nothing more to say."""
    command = [sys.executable, "-c", IN_ONE_PROCESS, *commands]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=True)
    *outs, out = re.split(r"<status \d+>\n", done.stdout.decode())
    *errs, err = re.split(r"<status \d+>\n", done.stderr.decode())
    assert (out, err) == ("", "")
    statuses = map(int, re.findall(r"<status (\d+)>\n", done.stdout.decode()))
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


def test_answers_records_and_keeps_the_key(provider: ChatServer) -> None:
    provider.script(stream_of(["caf", "é ", "\x1b[31m", "🙂"]), failure(401, f"wrong key {CANARY}"))
    ended, refused, *others = _each("ask ?", "ask --debug ?", "show", "show --full", "runs", "doctor")
    assert (ended.status, ended.out, ended.err) == (0, "café \x1b[31m🙂\n", "")
    assert provider.exchanges[0].headers["authorization"] == f"Bearer {CANARY}"
    assert (refused.status, refused.out) == (1, "")
    assert [other.status for other in others] == [0, 0, 0, 0]
    shown = "".join(other.out + other.err for other in others)
    assert "AuthenticationFailed" in shown
    stored = b"".join(path.read_bytes() for path in Path(".llamabot").iterdir())
    assert CANARY not in refused.err + shown
    assert CANARY.encode() not in stored


def test_stops_the_provider_at_ctrl_c(provider: ChatServer) -> None:
    provider.script(stream_of(["word "] * 10_000, pause_s=0.05))
    with Terminal("ask", "?") as terminal:
        terminal.wait_for("word word")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert provider.exchanges[0].left.wait(1)
    assert "ask  cancelled" in run("show").out
