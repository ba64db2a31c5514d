"""The whole way to a provider over HTTP: the answer, the log, the key, Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.command import Terminal, run
from tests.servers.chat import ChatServer, failure, stream_of

CANARY = "sk-canary-4711"

pytestmark = pytest.mark.loopback


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
    ended = run("ask", "?")
    assert (ended.status, ended.out, ended.err) == (0, "café \x1b[31m🙂\n", "")
    assert provider.exchanges[0].headers["authorization"] == f"Bearer {CANARY}"
    refused = run("ask", "--debug", "?")
    assert (refused.status, refused.out) == (1, "")
    shown = run("show").out + run("show", "--full").out + run("runs").out + run("doctor").out
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
