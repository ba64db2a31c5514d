"""A server, a key, a provider or a model that is missing: the error says the mend."""

from __future__ import annotations

import pytest
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.ways import ALL, WHOLE, Way, asking, check_is_presentable, raised
from tests.servers.chat import ChatServer, answer, failure, stream_of
from tests.servers.loopback import refusing_port
from tests.servers.replies import Raw

from llamabot.ports.errors import AuthenticationFailed, BadCompletion, ConfigurationError, ProviderUnavailable

pytestmark = pytest.mark.loopback


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_cannot_reach_a_port_where_nobody_listens(make: Make, way: Way) -> None:
    with refusing_port() as address:
        error = raised(way, make({"api_base": address, "api_key": "sk-test"}))
    assert type(error) is ProviderUnavailable
    assert "cannot be reached: " in str(error)
    check_is_presentable(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", ["openai/scripted", "gpt-4o", "anthropic/claude-sonnet-4-5", "azure/mine"])
def test_says_where_a_missing_key_goes(lite: Make, server: ChatServer, way: Way, model: str) -> None:
    error = raised(way, lite({"api_base": server.api_base, "api_version": "1"}), model=model)
    assert type(error) is AuthenticationFailed
    provider = {"gpt-4o": "openai"}.get(model, model.partition("/")[0])
    assert f"{provider.upper()}_API_KEY" in str(error)
    assert "options={'api_key': …}" in str(error)
    assert server.exchanges == []


def test_names_the_variable_whose_key_is_refused(
    lite: Make, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-4f9a1c7e")
    server.script(failure(401, "Incorrect API key"))
    error = raised(ALL["complete"], lite({"api_base": server.api_base}))
    assert "check the environment variable OPENAI_API_KEY" in str(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", ["scripted", "nonsense/scripted"])
def test_says_how_to_name_a_provider(lite: Make, server: ChatServer, way: Way, model: str) -> None:
    error = raised(way, lite({}), model=model)
    assert type(error) is ConfigurationError
    assert "custom_llm_provider" in str(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", ["", "  "])
def test_says_how_to_set_a_model(server: ChatServer, port: Port, way: Way, model: str) -> None:
    error = raised(way, port, model=model)
    assert type(error) is ConfigurationError
    for place in ("model=", "lmb.configure(model=…)", "LLAMABOT_MODEL", "llamabot.toml", "embedded/smollm2"):
        assert place in str(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_asks_nobody_when_it_is_to_be_offline(
    server: ChatServer, port: Port, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    error = raised(way, port)
    assert type(error) is ConfigurationError
    assert "LLAMABOT_OFFLINE" in str(error)
    assert server.exchanges == []
    monkeypatch.setenv("LLAMABOT_OFFLINE", "0")
    server.respond = lambda exchange: stream_of(["on"]) if exchange.body.get("stream") else answer("on")
    assert way(port, asking()).message.text == "on"


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_does_not_take_the_callers_trouble_for_its_own(server: ChatServer, port: Port, way: Way) -> None:
    server.script(failure(401, "wrong key"), Raw(b"no json"))
    try:
        raise TimeoutError("the caller's own, about context length and rate limits")
    except TimeoutError:
        assert type(raised(way, port)) is AuthenticationFailed
        assert type(raised(way, port)) is BadCompletion


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_says_that_an_address_is_none(make: Make, way: Way) -> None:
    error = raised(way, make({"api_base": "localhost:1234/v1", "api_key": "sk-test"}))
    assert type(error) is ConfigurationError
    assert "http://" in str(error)
