"""The deadline holds on every way to a provider."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpcore
import pytest
import trustme
from tests.integration.providers.ways import WHOLE, Way, raised
from tests.servers.chat import ChatServer
from tests.servers.replies import Broken, Tunnel

from llamabot.adapters.litellm import LiteLLMCompletion, LiteLLMEmbedding
from llamabot.adapters.litellm.deadline import FROM_FIRST_WAIT, NOT_WAITING, Deadline, keep_to_deadlines
from llamabot.ports.errors import CompletionTimeout, EmbeddingError

pytestmark = pytest.mark.loopback


Embed = Callable[[LiteLLMEmbedding, list[str]], object]


def embedded(port: LiteLLMEmbedding, texts: list[str]) -> object:
    return port.embed(texts)


def aembedded(port: LiteLLMEmbedding, texts: list[str]) -> object:
    return asyncio.run(port.aembed(texts))


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ChatServer]:
    """A server with a certificate that the environment trusts."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "models.example").configure_cert(tls)
    authority.cert_pem.write_to_path(trusted := tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with ChatServer(tls=tls) as server:
        yield server


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("through", ["the line", "a proxy"])
def test_lets_no_trickle_draw_the_deadline_out_where_it_is_encrypted(
    server: ChatServer, encrypted: ChatServer, way: Way, through: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = encrypted.api_base
    if through == "a proxy":
        server.script(Tunnel(encrypted.port))
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        address = "https://models.example/v1"
    encrypted.script(Broken([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", *[b" "] * 400], pause_s=0.02))
    port = LiteLLMCompletion({"api_base": address, "api_key": "sk-test"})
    assert type(raised(way, port, timeout_s=0.5)) is CompletionTimeout
    assert len(server.exchanges) == (through == "a proxy")
    asked = encrypted.wait_for(1)
    assert asked.ended.wait(20)
    assert asked.fragments_sent < 400, "who waits for its end does not leave"


@pytest.mark.parametrize("way", [embedded, aembedded])
def test_holds_over_the_client_that_litellm_keeps_for_some_providers(server: ChatServer, way: Embed) -> None:
    """Ollama's vectors are asked for over it, and without any time-out."""
    server.script(Broken([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", *[b" "] * 400], pause_s=0.02))
    port = LiteLLMEmbedding("ollama/scripted", {"api_base": server.url}, timeout_s=0.3)
    with pytest.raises(EmbeddingError, match="timeout_s="):
        way(port, ["light"])
    assert server.wait_for(1).left.wait(20), "who waits for its end does not leave"


class Granting:
    """Opens connections to nowhere that say how long they would wait."""

    def __init__(self, tls: Any = None) -> None:
        self.tls = tls

    def get_extra_info(self, info: str) -> Any:
        return {"ssl_object": self.tls}[info]

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> Granting:
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> float | None:
        return timeout

    def write(self, buffer: bytes, timeout: float | None = None) -> float | None:
        return timeout


@pytest.fixture
def connection() -> Any:
    client = client_on(Granting())
    keep_to_deadlines(client)
    return client._transport._pool._network_backend.connect_tcp("models.example", 80, timeout=9.0)


def client_on(backend: Any) -> Any:
    """Return what is known of an httpx client here."""
    return SimpleNamespace(_transport=SimpleNamespace(_pool=SimpleNamespace(_network_backend=backend)))


def test_keeps_a_transport_once_that_several_clients_share() -> None:
    client = client_on(Granting())
    keep_to_deadlines(client)
    once = client._transport._pool._network_backend
    keep_to_deadlines(client)
    assert client._transport._pool._network_backend is once


def test_waits_for_what_is_left_and_no_longer_than_it_was_told(connection: Any) -> None:
    with Deadline(50.0):
        assert connection.read(1, 9.0) == 9.0
        assert 9.0 < connection.write(b"", 90.0) <= 50.0
        with Deadline(5.0):
            assert 0 < connection.write(b"", 9.0) <= 5.0
            assert 0 < connection.read(1, 9.0) <= 5.0
        assert 5.0 < connection.write(b"", None) <= 50.0, "the outer deadline is not back"
        assert 5.0 < connection.read(1, None) <= 50.0
    assert connection.write(b"", 90.0) == connection.read(1, 90.0) == 90.0


def test_reads_for_whom_it_was_written_to_in_whatever_context(connection: Any) -> None:
    """A stream is read after its call has begun, and by anyone."""
    deadline = Deadline(5.0)
    with deadline:
        connection.write(b"", 9.0)
    deadline.ends = FROM_FIRST_WAIT
    with Deadline(0.0):
        assert 0 < connection.read(1, 9.0) <= 5.0
    deadline.ends = NOT_WAITING
    assert connection.read(1, 9.0) == 9.0, "it is not over"


def test_bounds_each_fragment_anew() -> None:
    deadline = Deadline(5.0)
    deadline.ends = FROM_FIRST_WAIT
    deadline.left_s()
    first = deadline.ends
    deadline.left_s()
    assert deadline.ends == first, "what trickles draws it out"
    deadline.ends = FROM_FIRST_WAIT
    deadline.left_s()
    assert deadline.ends != first


def test_serves_the_next_call_or_none_when_it_is_used_again(connection: Any) -> None:
    with Deadline(0.0), pytest.raises(httpcore.WriteTimeout):
        connection.write(b"", 9.0)
    connection.write(b"", 9.0)
    with Deadline(0.0):
        assert connection.read(1, 9.0) == 9.0, "somebody else's call is bounded"


def test_keeps_a_connection_that_several_share_to_who_reads() -> None:
    client = client_on(Granting(SimpleNamespace(selected_alpn_protocol=lambda: "h2")))
    keep_to_deadlines(client)
    connection = client._transport._pool._network_backend.connect_tcp("models.example", 443)
    with Deadline(50.0):
        copy_context().run(written_under, connection, Deadline(0.5))
        assert 0.5 < connection.read(1, None) <= 50.0


def written_under(connection: Any, deadline: Deadline) -> None:
    with deadline:
        connection.write(b"", 9.0)


def test_waits_no_more_when_nothing_is_left(connection: Any) -> None:
    with Deadline(0.0):
        with pytest.raises(httpcore.WriteTimeout):
            connection.write(b"x", 9.0)
        with pytest.raises(httpcore.ReadTimeout):
            connection.read(1, 9.0)


@pytest.mark.parametrize("timeout_s", [None, float("inf"), SimpleNamespace(read=3.0)], ids=["none", "endless", "httpx"])
def test_leaves_to_httpx_what_is_no_number(connection: Any, timeout_s: Any) -> None:
    with Deadline(timeout_s):
        assert connection.write(b"", 9.0) == connection.read(1, 9.0) == 9.0


def test_is_over_for_what_a_call_leaves_behind(connection: Any) -> None:
    """Callbacks of LiteLLM's run in tasks and threads that were made in the call."""
    with Deadline(0.0):
        behind = copy_context()
        with pytest.raises(httpcore.WriteTimeout):
            behind.run(connection.write, b"", 9.0)
        with pytest.raises(httpcore.ReadTimeout):
            behind.run(connection.read, 1, 9.0)
    assert behind.run(connection.read, 1, 9.0) == 9.0
    assert behind.run(connection.write, b"", 9.0) == 9.0


def test_may_end_in_another_context(connection: Any) -> None:
    """As a coroutine does that the garbage collector closes."""
    deadline = Deadline(0.0)
    copy_context().run(deadline.__enter__)
    deadline.__exit__()
    assert connection.write(b"", 9.0) == connection.read(1, 9.0) == 9.0
