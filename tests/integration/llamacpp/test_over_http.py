"""Both adapters of the wire against a server that nobody here wrote: llama.cpp's own, with the embedded model."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from contextlib import closing
from typing import Any

import pytest

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.adapters.wire.completion import WireCompletion
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import CompletionRequest, FinishReason, OutputSchema
from llamabot.ports.errors import ContextTooLong, RequestRejected
from llamabot.ports.messages import SystemMessage, UserMessage
from llamabot.ports.secrets import split_secrets
from llamabot.ports.tools import ToolSpec

pytestmark = [pytest.mark.embedded, pytest.mark.loopback]


Port = LiteLLMCompletion | WireCompletion


def litellm(address: str) -> LiteLLMCompletion:
    options, secrets = split_secrets({"api_base": address, "api_key": "sk-none"})
    return LiteLLMCompletion(options, secrets)


def direct(address: str) -> WireCompletion:
    return WireCompletion(base_url=address)


@pytest.fixture(params=[litellm, direct], ids=lambda make: make.__name__)
def port(request: pytest.FixtureRequest, llama_server: str) -> Port:
    made: Port = request.param(f"{llama_server}/v1")
    return made


def ask(text: str, **changes: Any) -> CompletionRequest:
    messages = (SystemMessage("Answer from the text."), UserMessage(text))
    return CompletionRequest("openai/smollm2", messages, **{"temperature": 0.0, "max_tokens": 24, **changes})


ANNA = "Anna lives in Oslo.\n\nWhere does Anna live?"


def test_answers_and_counts(port: Port) -> None:
    answer = port.complete(ask(ANNA))
    assert "Oslo" in answer.message.text
    assert answer.finish_reason is FinishReason.STOP
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 10
    assert answer.usage.completion_tokens > 2
    assert answer.cost_usd is None


def test_streams_the_same_answer_with_its_usage(port: Port) -> None:
    whole = port.complete(ask(ANNA))
    chunks = list(port.stream(ask(ANNA)))
    streamed = assemble(chunks)
    assert len([chunk for chunk in chunks if chunk.text]) > 3
    assert (streamed.message.text, streamed.finish_reason) == (whole.message.text, whole.finish_reason)
    assert streamed.usage is not None
    assert whole.usage is not None
    assert streamed.usage.total_tokens == whole.usage.total_tokens


def test_answers_without_blocking_a_loop(port: Port) -> None:
    async def both() -> list[str]:
        streamed = assemble([chunk async for chunk in port.astream(ask(ANNA))])
        return [(await port.acomplete(ask(ANNA))).message.text, streamed.message.text]

    first, second = asyncio.run(both())
    assert first == second
    assert "Oslo" in first


def test_fits_its_answer_to_a_schema(port: Port) -> None:
    properties = {"name": {"type": "string"}, "age": {"type": "integer"}}
    person = OutputSchema("person", {"type": "object", "properties": properties, "required": ["name", "age"]})
    answer = port.complete(ask("John is 25", output=person))
    assert json.loads(answer.message.text) == {"name": "John", "age": 25}


def test_may_offer_tools_to_a_model_that_knows_none(port: Port) -> None:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    weather = ToolSpec("get_weather", "Get the weather of a city.", city)
    assert "Oslo" in port.complete(ask(ANNA, tools=(weather,))).message.text


def test_leaving_a_stream_stops_the_server(port: Port, llama_server: str) -> None:
    with closing(port.stream(ask("Write a long story.", max_tokens=800))) as stream:
        next(stream)
        assert made_tokens(llama_server)
    while (made := made_tokens(llama_server)) is not None:
        assert made < 150, "the server goes on generating"
        time.sleep(0.02)


def made_tokens(llama_server: str) -> int | None:
    """Return how many tokens the server has made of the answer that it is busy with, None if with none."""
    with urllib.request.urlopen(f"{llama_server}/slots") as slots:  # noqa: S310 - the address is the test's own
        busy = [slot for slot in json.load(slots) if slot["is_processing"]]
    return sum(each["n_decoded"] for each in busy[0]["next_token"]) if busy else None


def test_says_that_a_request_is_too_long(port: Port) -> None:
    for give in (port.complete, lambda request: list(port.stream(request))):
        with pytest.raises(ContextTooLong):
            give(ask("word " * 2000))


def test_says_that_a_request_is_wrong(port: Port) -> None:
    with pytest.raises(RequestRejected):
        port.complete(ask("Hi", output=OutputSchema("a", {"type": "object", "properties": {"a": {"type": "nope"}}})))
