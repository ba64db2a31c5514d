"""Models of the name `wire/…`: where they are, whose key goes there, and what `close` lets go of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.servers.chat import ChatServer, answer, anything
from tests.servers.vectors import hashed

import llamabot as lmb
from llamabot.app.provider import AppProvider
from llamabot.ports.errors import ConfigurationError

pytestmark = [pytest.mark.loopback, pytest.mark.usefixtures("provider")]

CANARY = "sk-canary-4711"


class Person(msgspec.Struct):
    name: str


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(anything) as server:
        yield server


@pytest.fixture
def own_server(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    """The server that the environment names, with its key."""
    monkeypatch.setenv("LLAMABOT_WIRE_URL", server.api_base)
    monkeypatch.setenv("LLAMABOT_WIRE_KEY", CANARY)
    return server


def asked(server: ChatServer) -> tuple[str, str | None]:
    """Return the model and the key of the latest request."""
    latest = server.exchanges[-1]
    return latest.body["model"], latest.headers.get("authorization")


def test_asks_the_server_of_the_environment_with_its_key(own_server: ChatServer) -> None:
    assert lmb.SimpleBot(model="wire/org/model:7b")("hi").text == "fine"
    assert asked(own_server) == ("org/model:7b", f"Bearer {CANARY}")
    assert asyncio.run(lmb.AsyncSimpleBot(model="wire/other").run("hi")).text == "fine"
    assert asked(own_server) == ("other", f"Bearer {CANARY}")


def test_embeds_with_the_server_of_the_environment(own_server: ChatServer) -> None:
    own_server.respond = hashed
    lmb.configure(embedding="wire/vectors")
    store = lmb.FaissDocStore()
    store.add([lmb.Document("a", "llamas hum")])
    assert asked(own_server) == ("vectors", f"Bearer {CANARY}")


def test_never_sends_the_key_of_another_provider(own_server: ChatServer) -> None:
    foreign = {
        "api_base": "http://127.0.0.1:9/v1",
        "api_key": "sk-of-another",
        "extra_headers": {"X-Token": "t-another"},
    }
    lmb.configure(options={**foreign, "top_p": 0.5, "max_retries": 0})
    assert lmb.SimpleBot(model="wire/m")("hi").text == "fine"
    latest = own_server.exchanges[-1]
    assert asked(own_server) == ("m", f"Bearer {CANARY}")
    assert "another" not in f"{latest.headers} {latest.raw!r}"
    assert (latest.body["top_p"], "max_retries" in latest.body) == (0.5, False)


def test_takes_the_server_and_its_key_from_the_options_where_the_environment_names_none(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_WIRE_KEY", CANARY)  # of no server: it goes nowhere
    lmb.configure(options={"api_base": server.api_base})
    lmb.SimpleBot(model="wire/m")("hi")
    assert asked(server) == ("m", None)
    lmb.configure(options={"api_base": server.api_base, "api_key": "sk-own-key"})
    lmb.SimpleBot(model="wire/m")("hi")
    assert asked(server) == ("m", "Bearer sk-own-key")


def test_holds_its_models_to_a_schema_where_the_settings_say_that_the_server_does(
    own_server: ChatServer, tmp_path: Path
) -> None:
    """The file may be a stranger's: this sends nothing anywhere."""
    own_server.respond = lambda exchange: answer('{"name": "Ana"}')
    bot = lmb.StructuredBot(output=Person, model="wire/m")
    assert bot("Who?") == Person("Ana")
    assert "response_format" not in own_server.exchanges[-1].body
    told = tmp_path / "told"
    told.mkdir()
    (told / "llamabot.toml").write_text("[options]\noutput_schema = true")
    os.chdir(told)
    assert bot("Who?") == Person("Ana")
    assert own_server.exchanges[-1].body["response_format"]["type"] == "json_schema"
    assert "output_schema" not in own_server.exchanges[-1].body


def test_a_strangers_file_names_no_server(server: ChatServer, tmp_path: Path) -> None:
    file = tmp_path / "llamabot.toml"
    file.write_text(f'[options]\napi_base = "{server.api_base}"')
    os.chdir(tmp_path)
    with (
        pytest.warns(UserWarning, match="llamabot trust"),
        pytest.raises(ConfigurationError, match="LLAMABOT_WIRE_URL"),
    ):
        lmb.SimpleBot(model="wire/m")("hi")
    assert server.exchanges == []


def test_says_how_to_name_a_server() -> None:
    with pytest.raises(ConfigurationError, match=r"LLAMABOT_WIRE_URL .*completion=lmb\.WireCompletion\(base_url=…\)"):
        lmb.SimpleBot(model="wire/m")("hi")


def test_is_never_chosen_for_a_name_of_litellms(own_server: ChatServer, provider: AppProvider) -> None:
    assert isinstance(provider.completion("openai/gpt-5-mini"), lmb.LiteLLMCompletion)
    assert isinstance(provider.completion("wire"), lmb.LiteLLMCompletion)
    assert isinstance(provider.completion("wire/m"), lmb.WireCompletion)
    assert provider.completion("wire/m") is provider.completion("wire/n")


def test_closes_what_it_made_and_nothing_that_it_was_given(own_server: ChatServer) -> None:
    given = lmb.WireCompletion(base_url=own_server.api_base)
    made = lmb.SimpleBot(model="wire/m")
    made("hi")
    lmb.SimpleBot(model="m", completion=given)("hi")
    assert own_server.open_connections == 2
    lmb.close()
    assert own_server.settles(1)
    made("hi")
    assert own_server.open_connections == 2
    lmb.close()
    given.close()
    assert own_server.settles(0)


def test_closes_the_connections_of_a_running_loop(own_server: ChatServer) -> None:
    bot = lmb.AsyncSimpleBot(model="wire/m")

    async def close_and_ask() -> tuple[int, bool, int]:
        await bot("hi")
        opened = own_server.open_connections
        await lmb.aclose()
        closed = await asyncio.to_thread(own_server.settles, 0)
        await bot("hi")
        return opened, closed, own_server.open_connections

    assert asyncio.run(close_and_ask()) == (1, True, 1)
    assert own_server.settles(0)
