"""An adapter goes to another process with all that is not secret; no key ever goes with it."""

from __future__ import annotations

import copy
import pickle
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.providers.adapters import Make
from tests.integration.providers.ways import ALL, asking
from tests.servers.chat import ChatServer, anything
from tests.servers.vectors import hashed

import llamabot as lmb
from llamabot.ports.errors import ConfigurationError

pytestmark = pytest.mark.loopback

CANARY = "sk-canary-4f9a1c7e"
EMBEDDERS: dict[str, Callable[[str], Any]] = {
    "litellm": lambda base: lmb.LiteLLMEmbedding("openai/vectors", {"api_base": base}),
    "direct": lambda base: lmb.WireEmbedding("vectors", base_url=base),
}


@pytest.fixture(autouse=True)
def _with_a_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")


def pickled(port: Any) -> Any:
    return pickle.loads(pickle.dumps(port))  # noqa: S301 - it was pickled a moment ago


@pytest.mark.parametrize("name", ["complete", "astream"])
def test_asks_in_another_process_as_in_this_one(server: ChatServer, make: Make, name: str) -> None:
    server.respond = anything
    port = lmb.Retry(lmb.Fallback(make({"api_base": server.api_base, "top_p": 0.5}), "openai/other"))
    port.complete(asking())  # it has connections, which stay here
    with pickled(port) as other:
        assert repr(other) == repr(port)
        assert ALL[name](other, asking()).message.text == "fine"
    assert server.exchanges[-1].body["top_p"] == 0.5
    port.close()


@pytest.mark.parametrize("embedder", EMBEDDERS.values(), ids=EMBEDDERS)
def test_embeds_in_another_process_as_in_this_one(server: ChatServer, embedder: Callable[[str], Any]) -> None:
    server.respond = hashed
    original = embedder(server.api_base)
    other = pickled(lmb.Retry(original))
    assert (other.embed(["llamas hum"]) == original.embed(["llamas hum"])).all()


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": CANARY},
        {"extra_headers": {"X-Auth-Token": CANARY}},
        {"api_base": f"http://me:{CANARY}@127.0.0.1:9/v1"},
    ],
    ids=["key", "header", "address"],
)
def test_takes_no_key_along_and_says_how_one_gets_there(make: Make, options: dict[str, Any]) -> None:
    for port in (make(options), lmb.Retry(make(options))):
        with pytest.raises(ConfigurationError, match="by the environment") as caught:
            pickle.dumps(port)
        assert CANARY not in str(caught.value)


def test_is_copied_with_its_key_within_the_process(server: ChatServer, make: Make) -> None:
    server.respond = anything
    for copied in (copy.copy, copy.deepcopy):
        port = copied(make({"api_base": server.api_base, "api_key": CANARY}))
        assert port.complete(asking()).message.text == "fine"
        assert server.exchanges[-1].headers["authorization"] == f"Bearer {CANARY}"
        if isinstance(port, lmb.WireCompletion):
            port.close()


def test_takes_no_tls_settings_along_and_says_what_does_instead() -> None:
    port = lmb.WireCompletion(base_url="https://models.example/v1", tls=ssl.create_default_context())
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        pickle.dumps(port)
    assert repr(copy.deepcopy(port)) == repr(port)
