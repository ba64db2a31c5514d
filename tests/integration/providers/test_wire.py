"""What goes over the wire: every value of ours in the words of the chat-completions API."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.ways import ALL, STREAMED, Way, asking, streamed, whole
from tests.servers.chat import ChatServer, answer, anything

from llamabot.ports.completion import CompletionRequest, OutputSchema
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import (
    AssistantMessage,
    DeveloperMessage,
    Image,
    Message,
    SystemMessage,
    Text,
    ToolMessage,
    UserMessage,
)
from llamabot.ports.secrets import split_secrets
from llamabot.ports.tools import ToolSpec
from llamabot.protocols.chat_completions import wire_message

pytestmark = pytest.mark.loopback

LOOK = ToolSpec("look", "Look something up.", {"type": "object", "properties": {"word": {"type": "string"}}})
LOOK_WIRE = {
    "type": "function",
    "function": {"name": "look", "description": "Look something up.", "parameters": dict(LOOK.parameters)},
}


@pytest.fixture(autouse=True)
def _answering(server: ChatServer) -> None:
    server.respond = anything


def sent(server: ChatServer, port: Port, request: CompletionRequest) -> dict[str, Any]:
    """Return the body of the request that a call made."""
    assert port.complete(request).message.text == "fine"
    body: dict[str, Any] = server.exchanges[-1].body
    return body


def sent_message(server: ChatServer, port: Port, message: Message) -> dict[str, Any]:
    """Return one message as it was sent."""
    request = CompletionRequest("openai/gpt-5", (UserMessage("before"), message, UserMessage("after")))
    wire: dict[str, Any] = sent(server, port, request)["messages"][1]
    return wire


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_makes_one_request_a_call(server: ChatServer, port: Port, way: Way) -> None:
    way(port, asking("hello"))
    assert [exchange.path for exchange in server.exchanges] == ["/v1/chat/completions"]
    assert server.exchanges[0].body["messages"] == [{"role": "user", "content": "hello"}]


def test_sends_no_setting_that_was_not_given(server: ChatServer, port: Port) -> None:
    told = sent(server, port, asking("hello"))
    assert told.pop("model").endswith("scripted")  # LiteLLM takes the provider's name off
    assert told == {
        "messages": [{"role": "user", "content": "hello"}],
    }


def test_sends_the_settings_that_were_given(server: ChatServer, port: Port) -> None:
    body = sent(server, port, asking(temperature=0.0, max_tokens=7))
    assert (body["temperature"], body["max_tokens"]) == (0.0, 7)


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_asks_for_the_usage_of_a_stream(server: ChatServer, port: Port, way: Way) -> None:
    way(port, asking())
    body = server.exchanges[0].body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (SystemMessage("be"), {"role": "system", "content": "be"}),
        (UserMessage("say"), {"role": "user", "content": "say"}),
        (AssistantMessage("said"), {"role": "assistant", "content": "said"}),
        (AssistantMessage(""), {"role": "assistant", "content": ""}),
        (
            AssistantMessage("said", reasoning="why"),
            {"role": "assistant", "content": "said", "reasoning_content": "why"},
        ),
        (ToolMessage("42", call_id="c1", is_error=True), {"role": "tool", "tool_call_id": "c1", "content": "42"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sends_every_kind_of_message(server: ChatServer, port: Port, message: Message, wire: dict[str, Any]) -> None:
    assert sent_message(server, port, message) == wire


def test_names_the_developer_as_the_provider_does(server: ChatServer, port: Port) -> None:
    assert wire_message(DeveloperMessage("do")) == {"role": "developer", "content": "do"}
    assert sent_message(server, port, DeveloperMessage("do")) == {"role": "system", "content": "do"}


def test_sends_pictures_with_their_type_or_as_an_address(server: ChatServer, port: Port) -> None:
    parts = (Text("see"), Image(data=b"\x89PNG", media_type="image/png"), Image(url="https://example.org/a.jpg"))
    encoded = base64.b64encode(b"\x89PNG").decode()
    assert sent_message(server, port, UserMessage(parts))["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
    ]


@pytest.mark.parametrize("strict", [True, False])
def test_holds_the_model_to_a_schema(server: ChatServer, port: Port, strict: bool) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    body = sent(server, port, asking(output=OutputSchema("person", schema, strict=strict)))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "person", "schema": schema, "strict": strict},
    }


def test_passes_options_on_as_they_are_given(server: ChatServer, port: Port) -> None:
    options = {"top_p": 0.5, "extra_body": {"mirostat": 2}, "extra_headers": {"X-Team": "blue"}}
    body = sent(server, port, asking(temperature=0.1, options={**options, "temperature": 0.9}))
    assert (body["top_p"], body["mirostat"], body["temperature"]) == (0.5, 2, 0.9)
    assert server.exchanges[-1].headers["x-team"] == "blue"


def test_takes_the_provider_from_the_options(make: Make, server: ChatServer) -> None:
    options = {"api_base": server.api_base, "api_key": "sk-test", "custom_llm_provider": "openai"}
    assert sent(server, make(options), asking(model="my/own/model"))["model"] == "my/own/model"


def test_lets_a_calls_options_beat_the_adapters(make: Make, server: ChatServer, port: Port) -> None:
    nowhere = make({"api_base": "http://127.0.0.1:9", "api_key": "sk-test", "top_p": 0.1})
    body = sent(server, nowhere, asking(options={"api_base": server.api_base}))
    assert body["top_p"] == 0.1


def test_believes_what_it_is_told_of_the_servers_schemas_and_sends_no_word_of_it(
    server: ChatServer, make: Make
) -> None:
    for said in (True, False):
        port = make({"api_base": server.api_base, "api_key": "sk-test", "output_schema": said})
        assert port.capabilities("openai/scripted").output_schema is said
        assert "output_schema" not in sent(server, port, asking())
    with pytest.raises(ConfigurationError, match="true or false"):
        make({"output_schema": "yes"})


def test_is_told_of_the_servers_schemas_by_no_single_request(server: ChatServer, port: Port) -> None:
    with pytest.raises(ConfigurationError, match="said of a server"):
        port.complete(asking(options={"output_schema": True}))
    assert server.exchanges == []


@pytest.mark.parametrize("name", ["messages", "model", "stream"])
def test_refuses_options_that_are_part_of_the_request(server: ChatServer, port: Port, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}' is not an option"):
        port.complete(asking(options={name: "x"}))
    assert server.exchanges == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": 5}, "api_key is text; got int"),
        ({"api_base": Path("v1")}, "api_base is text; got PosixPath"),
        ({"extra_headers": {"Authorization": 7}}, r"extra_headers\['Authorization'\] is text; got int"),
    ],
)
def test_names_an_option_that_must_be_text(make: Make, server: ChatServer, options: dict[str, Any], words: str) -> None:
    port = make({"api_base": server.api_base, "api_key": "sk-hidden-7", **options})
    with pytest.raises(ConfigurationError, match=words):
        port.complete(asking())
    assert server.exchanges == []


def test_authorises_with_the_secrets_it_is_given_and_shows_none(make: Make, server: ChatServer) -> None:
    visible, secrets = split_secrets({"api_base": server.api_base, "api_key": "sk-hidden-7"})
    bare = make(visible)
    port = bare.with_secrets(secrets)
    sent(server, port, asking())
    assert server.exchanges[-1].headers["authorization"] == "Bearer sk-hidden-7"
    assert "sk-hidden-7" not in repr(port) + repr(vars(port)) + repr(bare)


def test_puts_secret_headers_back_among_the_others(server: ChatServer, port: Port) -> None:
    visible, secrets = split_secrets({"extra_headers": {"X-Team": "blue", "X-Auth-Token": "t-hidden-7"}})
    sent(server, port.with_secrets(secrets), asking(options=visible))
    headers = server.exchanges[-1].headers
    assert (headers["x-team"], headers["x-auth-token"]) == ("blue", "t-hidden-7")
    assert headers["authorization"] == "Bearer sk-test"


def test_keeps_few_connections_open_however_many_time_outs_there_are(server: ChatServer, port: Port) -> None:
    for left_s in range(1, 41):
        whole(port, asking(timeout_s=20 + left_s / 97))
        streamed(port, asking(timeout_s=20 + left_s / 97))
    assert server.open_connections <= 3


@pytest.mark.parametrize(
    ("asked_s", "sent_s"), [(600.0, 600.0), (2.5, 2.5), (29.97, 29.0), (1.04, 1.0), (0.0199, 0.019), (9.99, 9.9)]
)
def test_never_waits_longer_than_it_is_told(server: ChatServer, lite_port: Port, asked_s: float, sent_s: float) -> None:
    server.respond = lambda exchange: answer("fine")
    lite_port.complete(asking(timeout_s=max(asked_s, 1.0)))
    told = float(server.exchanges[-1].headers["x-stainless-read-timeout"])
    assert told == max(sent_s, 1.0)
