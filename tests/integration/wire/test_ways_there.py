"""The way to the server: encrypted, through a proxy, by an address with credentials; and who may read what on it."""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.integration.providers.ways import ALL, Way, asking, raised, shown_by
from tests.servers.chat import ChatServer, anything, failure
from tests.servers.replies import Broken, Raw, Tunnel

import llamabot as lmb
from llamabot.adapters.wire import awaited_line, http1, line
from llamabot.adapters.wire.address import address_of
from llamabot.adapters.wire.way import way
from llamabot.ports.errors import ConfigurationError, MissingExtra, ProviderUnavailable

pytestmark = pytest.mark.loopback

CANARY = "sk-canary-4f9a1c7e"
BASIC = f"Basic {base64.b64encode(b'me:pass-canary-77').decode()}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def encrypted(authority: trustme.CA) -> Iterator[ChatServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    with ChatServer(anything, tls=tls) as server:
        yield server


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_trusts_nobody_that_the_system_does_not_trust(encrypted: ChatServer, way: Way) -> None:
    before = len(encrypted.exchanges)
    with lmb.WireCompletion(base_url=encrypted.api_base, api_key=CANARY) as port:
        error = raised(way, port)
    assert type(error) is ProviderUnavailable
    assert "certificate verify failed" in str(error)
    assert len(encrypted.exchanges) == before


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_trusts_whom_the_environment_names(
    authority: trustme.CA, encrypted: ChatServer, way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with lmb.WireCompletion(base_url=encrypted.api_base, api_key=CANARY) as port:
        assert way(port, asking()).message.text == "fine"


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_takes_settings_of_its_own(encrypted: ChatServer, tls: ssl.SSLContext, way: Way) -> None:
    with lmb.WireCompletion(base_url=encrypted.api_base.replace("127.0.0.1", "localhost"), tls=tls) as port:
        assert way(port, asking()).message.text == "fine"


def test_keeps_encrypted_connections(encrypted: ChatServer, tls: ssl.SSLContext) -> None:
    before = encrypted.connections_made

    async def ask() -> list[str]:
        return [(await port.acomplete(asking())).message.text for _ in range(3)]

    with lmb.WireCompletion(base_url=encrypted.api_base, tls=tls) as port:
        assert [port.complete(asking()).message.text for _ in range(3)] + asyncio.run(ask()) == ["fine"] * 6
    assert encrypted.connections_made == before + 2


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_goes_through_the_proxy_of_the_environment(
    server: ChatServer, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.respond = anything
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("http://", "http://me:pass-canary-77@"))
    with lmb.WireCompletion(base_url="http://models.example/v1", api_key=CANARY) as port:
        assert way(port, asking()).message.text == "fine"
    asked = server.exchanges[0]
    assert asked.path == "http://models.example/v1/chat/completions"
    assert (asked.headers["host"], asked.headers["proxy-authorization"]) == ("models.example", BASIC)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_shows_a_proxy_no_key_on_an_encrypted_way(
    server: ChatServer, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.respond = lambda exchange: Raw(b"no", 502)
    monkeypatch.setenv("HTTPS_PROXY", server.url.replace("http://", "http://me:pass-canary-77@"))
    with lmb.WireCompletion(base_url="https://models.example/v1", api_key=CANARY) as port:
        error = raised(way, port)
    assert type(error) is ProviderUnavailable
    (asked,) = server.exchanges
    assert (asked.method, asked.path) == ("CONNECT", "models.example:443")
    assert asked.headers["proxy-authorization"] == BASIC
    assert CANARY not in f"{asked.headers} {asked.raw!r}"
    assert "pass-canary-77" not in shown_by(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_talks_through_a_proxy_that_opens_the_way(
    server: ChatServer, encrypted: ChatServer, tls: ssl.SSLContext, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("HTTPS_PROXY", server.url.replace("http://", "http://me:pass-canary-77@"))
    server.respond = lambda exchange: Tunnel(encrypted.port)
    with lmb.WireCompletion(base_url=encrypted.api_base, api_key=CANARY, tls=tls) as port:
        assert way(port, asking()).message.text == "fine"
    (opened,) = server.exchanges
    assert (opened.method, opened.path) == ("CONNECT", f"127.0.0.1:{encrypted.port}")
    asked = encrypted.exchanges[-1]
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {CANARY}")
    assert "proxy-authorization" not in asked.headers


def test_goes_past_the_proxy_where_the_environment_says_so(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.respond = anything
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with lmb.WireCompletion(base_url=server.api_base) as port:  # the tests' own NO_PROXY names this machine
        assert port.complete(asking()).message.text == "fine"


def test_says_that_it_knows_no_such_proxy(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with lmb.WireCompletion(base_url="http://models.example/v1") as port:
        assert type(raised(ALL["complete"], port)) is ConfigurationError


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_authorises_with_the_credentials_of_an_address(server: ChatServer, way: Way) -> None:
    server.respond = anything
    address = server.api_base.replace("http://", "http://me:pass-canary-77@")
    with lmb.WireCompletion(base_url=f"{address}/?api-version=7") as port:
        assert way(port, asking()).message.text == "fine"
        assert "pass-canary-77" not in repr(port) + repr(vars(port))
    asked = server.exchanges[0]
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions?api-version=7", BASIC)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_sends_no_key_where_it_has_none(server: ChatServer, way: Way) -> None:
    server.respond = anything
    with lmb.WireCompletion(base_url=server.api_base) as port:
        way(port, asking())
    assert "authorization" not in server.exchanges[0].headers


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_says_where_its_key_goes(server: ChatServer, way: Way) -> None:
    server.script(failure(401, "no key"))
    with lmb.WireCompletion(base_url=server.api_base) as port:
        assert "check the environment variable LLAMABOT_WIRE_KEY, or the key in options" in str(raised(way, port))


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_a_headers_value_is_no_way_into_the_request(server: ChatServer, way: Way) -> None:
    several = {"X-Team": "a\r\nHost: elsewhere"}, {"X-Team\r\nHost": "a"}, {"Host": "elsewhere"}, {"X-Team": "\u0142"}
    for headers in several:
        with lmb.WireCompletion(base_url=server.api_base, options={"extra_headers": headers}) as port:
            assert type(raised(way, port)) is ConfigurationError
    assert server.exchanges == []


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_no_frame_that_is_shown_holds_the_key(server: ChatServer, way: Way) -> None:
    """Some tools show the variables of every frame of a traceback."""
    server.script(Broken([], pause_s=0.05, reset=True), failure(401))
    with lmb.WireCompletion(base_url=server.api_base, api_key=CANARY) as port:
        for _ in range(2):
            error: BaseException | None = raised(way, port)
            while error is not None:
                for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
                    assert CANARY not in repr(frame.locals), f"{frame.filename}:{frame.lineno}"
                error = error.__cause__ or error.__context__


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_names_the_extra_that_it_needs(server: ChatServer, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    http1._h11.cache_clear()
    with lmb.WireCompletion(base_url=server.api_base) as port:
        error = raised(way, port)
    assert isinstance(error, MissingExtra)
    assert 'pip install "llamabot[wire]"' in str(error)
    assert server.connections_made == 0


class TwoAddresses:
    """A line to a host of two addresses, some of which do not answer."""

    def __init__(self, *dead: str) -> None:
        self.dead = dead
        self.tried: list[str] = []

    def resolve(self, host: str, port: int, deadline: float) -> list[str]:
        return ["first", "second"]

    def open(self, place: str, patience_s: float) -> None:
        self.tried.append(place)
        if place in self.dead:
            raise ConnectionRefusedError(place)


class TwoAwaited(TwoAddresses):
    async def resolve(self, host: str, port: int, deadline: float) -> list[str]:  # type: ignore[override]  # awaited
        return super().resolve(host, port, deadline)

    async def open(self, place: str, patience_s: float) -> None:  # type: ignore[override]  # awaited
        super().open(place, patience_s)


@pytest.mark.parametrize("kind", [TwoAddresses, TwoAwaited])
def test_tries_one_address_after_the_other(kind: type[TwoAddresses]) -> None:
    def tried(*dead: str) -> list[str]:
        made = kind(*dead)
        steps = way(made, address_of("http://models.example/v1"), time.monotonic() + 5, ssl.create_default_context)
        if kind is TwoAddresses:
            line.go(steps)
        else:
            asyncio.run(awaited_line.go(steps))
        return made.tried

    assert tried() == ["first"]
    assert tried("first") == ["first", "second"]
    with pytest.raises(ConnectionRefusedError, match="second"):
        tried("first", "second")
