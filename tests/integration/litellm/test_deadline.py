"""The deadline holds on every way to a provider."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.integration.providers.ways import WHOLE, Way, raised
from tests.servers.chat import ChatServer
from tests.servers.replies import Broken, Tunnel

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.ports.errors import CompletionTimeout

pytestmark = pytest.mark.loopback


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
