"""A key is found nowhere: in no message, representation, traceback, pickle or log."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import signal
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.ways import ALL, STREAMED, Way, afragments, asking, locals_in, raised, shown_by
from tests.servers.chat import ChatServer, anything, delta, event, failure
from tests.servers.replies import Raw, Reply, Stream

from llamabot.ports.completion import CompletionRequest
from llamabot.ports.secrets import split_secrets

pytestmark = pytest.mark.loopback

CANARY = "sk-canary-4f9a1c7e/+="
BASE64 = base64.b64encode(CANARY.encode()).decode()
ECHO = f"Incorrect API key provided: {CANARY}."


ECHOES: dict[str, Reply] = {
    "in the message": failure(401, ECHO),
    "of a bad request": failure(400, f"bad: {ECHO}", code=CANARY),
    "in HTML": Raw(f"<html>{ECHO}</html>".encode(), 502, "text/html"),
    "in a 200": Raw(json.dumps({"error": {"message": ECHO, "code": 401}}).encode()),
    "in what is no completion": Raw(json.dumps([ECHO]).encode()),
    "in what is no JSON": Raw(ECHO.encode()),
    "cut by the end of what is told": failure(400, f"{'so ' * 119} {ECHO}"),
    "written for an address": Raw(f"no such page: /v1?key={quote(CANARY, safe='')}".encode(), 404),
    "in base64": failure(400, f"bad header {BASE64}"),
}


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
def test_does_not_repeat_a_key_that_the_provider_echoes(make: Make, server: ChatServer, way: Way, reply: Reply) -> None:
    server.script(reply)
    error = raised(way, make({"api_base": server.api_base, "api_key": CANARY}))
    assert not [form for form in (CANARY[:12], quote(CANARY), BASE64) if form in shown_by(error)]
    assert CANARY in server.exchanges[0].headers["authorization"]


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_does_not_repeat_a_key_out_of_a_stream(make: Make, server: ChatServer, way: Way) -> None:
    server.script(Stream([event(delta(content="par")), event({"error": {"message": ECHO, "type": "auth"}})]))
    error = raised(way, make({"api_base": server.api_base, "api_key": CANARY}))
    assert CANARY not in shown_by(error)
    assert "[secret]" in str(error)


def interrupted(way: Way) -> Callable[[Port], BaseException]:
    def leave(port: Port) -> BaseException:
        with pytest.raises(KeyboardInterrupt) as caught:
            way(port, asking(timeout_s=20.0))
        return caught.value

    return leave


def cancelled(ask: Callable[[Port, CompletionRequest], Awaitable[object]]) -> Callable[[Port], BaseException]:
    """Ctrl-C cancels what an event loop runs."""

    async def leave(port: Port) -> BaseException:
        with pytest.raises(asyncio.CancelledError) as caught:
            await ask(port, asking(timeout_s=20.0))
        return caught.value

    return lambda port: asyncio.run(leave(port))


LEFT = {
    "complete": interrupted(ALL["complete"]),
    "stream": interrupted(ALL["stream"]),
    "acomplete": cancelled(lambda port, request: port.acomplete(request)),
    "astream": cancelled(afragments),
}


@pytest.mark.parametrize("way", LEFT)
def test_shows_no_key_and_no_vendor_in_what_ctrl_c_leaves_behind(make: Make, server: ChatServer, way: str) -> None:
    server.script(Stream(interrupted_after([event(delta(content="par"))] if "stream" in way else [])))
    error = LEFT[way](make({"api_base": server.api_base, "api_key": CANARY}))
    vendors = vendors_behind(error)
    assert vendors == []
    shown = "\n".join(frames_behind(error))
    assert CANARY[:12] not in shown
    assert server.exchanges[0].left.wait(20)


def interrupted_after(packets: list[bytes]) -> Iterator[bytes]:
    yield from packets
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    for _ in range(200):
        time.sleep(0.1)
        yield b": still here\n\n"


def frames_behind(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from locals_in(error)
        error = error.__cause__ or error.__context__


def vendors_behind(error: BaseException | None) -> list[str]:
    found: list[str] = []
    while error is not None:
        frames = (frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__))
        found += (code.co_qualname for code in frames if "site-packages" in code.co_filename)
        error = error.__cause__ or error.__context__
    return found


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_GATEWAY_TOKEN", "AWS_SECRET_ACCESS_KEY", "TEAM_SECRET"])
def test_does_not_repeat_a_key_of_the_environment(
    make: Make, server: ChatServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, CANARY)
    server.script(failure(401, ECHO))
    error = raised(ALL["complete"], make({"api_base": server.api_base, "api_key": "sk-other-key"}))
    assert CANARY not in shown_by(error)


def test_does_not_black_out_words_for_placeholders(
    make: Make, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "model")
    server.script(failure(404, "no such model"))
    error = raised(ALL["complete"], make({"api_base": server.api_base}))
    assert "no such model" in str(error)


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": CANARY},
        {"api_key": "sk-other-key", "extra_headers": {"X-Auth-Token": CANARY}},
        {"api_key": "sk-other-key", "extra_headers": {"Proxy-Authorization": f"Bearer {CANARY}"}},
        {"api_key": "sk-other-key", "extra_headers": {"X-Team": f"Token {CANARY}"}},
        {"api_key": "sk-other-key", "extra_headers": {"Cookie": f"lang=en; session={CANARY}"}},
    ],
    ids=["key", "header", "bearer", "scheme", "cookie"],
)
def test_hides_secrets_wherever_they_are_given(make: Make, server: ChatServer, options: dict[str, Any]) -> None:
    visible, secrets = split_secrets(options)
    bound = make({"api_base": server.api_base}).with_secrets(secrets)
    own = make({"api_base": server.api_base, **options})
    plain = make({"api_base": server.api_base})
    for port, given in ((bound, visible), (own, {}), (plain, options)):
        server.script(failure(401, ECHO))
        error = raised(ALL["complete"], port, options=given)
        assert CANARY not in shown_by(error, with_locals=not given)  # the request itself was given the key
        assert CANARY not in repr(port) + repr(vars(port))
    assert all(CANARY in json.dumps(dict(exchange.headers)) for exchange in server.exchanges)


WRONG: dict[str, dict[str, Any]] = {
    "a key with the end of its line": {"api_key": f"{CANARY}\n"},
    "no address": {"api_base": "localhost:8000", "api_key": CANARY},
    "no port": {"api_base": "http://me:sk-canary-4f9a1c7e@localhost:99999", "api_key": "sk-other-key"},
    "headers in a list": {"extra_headers": [("X-Team", "7")], "api_key": CANARY},
    "a body in a list": {"extra_body": [("seed", 7)], "api_key": CANARY},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_shows_no_key_when_an_option_is_wrong(make: Make, server: ChatServer, options: dict[str, Any]) -> None:
    error = raised(ALL["complete"], make({"api_base": server.api_base, **options}))
    assert CANARY[:12] not in shown_by(error)
    assert server.exchanges == []


def test_hides_the_password_of_an_address(make: Make, server: ChatServer) -> None:
    address = server.api_base.replace("http://", f"http://me:{quote(CANARY, safe='')}@")
    server.script(failure(500, f"cannot reach {address}"))
    error = raised(ALL["complete"], make({"api_base": address, "api_key": "sk-other-key"}))
    assert CANARY not in shown_by(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_writes_no_key_into_any_log(make: Make, server: ChatServer, way: Way, caplog: pytest.LogCaptureFixture) -> None:
    port = make({"api_base": server.api_base, "api_key": CANARY})
    with caplog.at_level(logging.DEBUG):
        server.respond = anything
        way(port, asking())
        server.script(failure(401, ECHO))
        raised(way, port)
    written = "\n".join(f"{record.getMessage()} {record.args} {record.exc_info}" for record in caplog.records)
    ours = [record for record in caplog.records if record.name.startswith(("llamabot", "LiteLLM", "litellm"))]
    assert ours == []
    assert base64.b64encode(CANARY.encode()).decode() not in written
    assert CANARY not in written.replace(ECHO, "")


def test_writes_no_key_into_a_vendors_log(make: Make, server: ChatServer, caplog: pytest.LogCaptureFixture) -> None:
    address = server.api_base.replace("http://", f"http://me:{quote(CANARY, safe='')}@")
    hidden = {"extra_headers": {"X-Auth-Token": CANARY}, "extra_body": {"access_token": CANARY}}
    server.respond = anything
    with caplog.at_level(logging.DEBUG):
        ALL["complete"](make({"api_base": address, "api_key": "sk-other-key", **hidden}), asking())
    assert CANARY not in "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert CANARY in server.exchanges[0].headers["x-auth-token"]


def test_scrubs_the_key_whatever_it_is_made_of(make: Make, server: ChatServer) -> None:
    for key in ("a.b*c+d(e", "ключ-ключ-ключ", "x" * 300):
        server.script(failure(400, f"what is {key}?"))
        error = raised(ALL["complete"], make({"api_base": server.api_base, "api_key": key.encode().hex()}))
        assert "what is" in str(error)
        server.script(failure(400, f"what is {key}?"))
        given = {"api_base": server.api_base, "api_key": "sk-other-key", "extra_body": {"password": key}}
        assert key not in shown_by(raised(ALL["complete"], make(given)))
