"""What comes back: tokens, prices, reasons, and what is nothing at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.providers.adapters import Port
from tests.integration.providers.ways import ALL, STREAMED, WHOLE, Way, asking
from tests.servers.chat import ChatServer, body, call, delta, finish, sse, usage, usage_event
from tests.servers.replies import Exchange, Raw, Reply

from llamabot.adapters.litellm.loading import load
from llamabot.adapters.litellm.reading import Reading
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ModelCapabilities, Usage
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall

pytestmark = pytest.mark.loopback

PRICED = "openai/gpt-4o"


def saying(message: dict[str, Any], *, reason: str = "stop", tokens: dict[str, Any] | None = None) -> Any:
    """Return what makes a server give this message, whole or as a stream."""

    def respond(exchange: Exchange) -> Reply:
        if not exchange.body.get("stream"):
            return Raw(json.dumps(body(message, finish_reason=reason, usage=tokens)).encode())
        calls = [{**one, "index": index} for index, one in enumerate(message.get("tool_calls") or [])]
        chunks = [delta(role="assistant", **{**message, "tool_calls": calls or None}), finish(reason)]
        return sse(*chunks, *([{**usage_event(), "usage": tokens}] if tokens else []))

    return respond


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_counts_tokens_with_the_cached_and_the_reasoned_ones(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": "so"}, tokens=usage(20, 9, cached=16, reasoning=5))
    assert way(port, asking()).usage == Usage(20, 9, cached_tokens=16, reasoning_tokens=5)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", [PRICED, "openai/llama-3-unheard-of"])
def test_knows_no_tokens_and_no_price_where_the_provider_counted_none(
    server: ChatServer, port: Port, way: Way, model: str
) -> None:
    server.respond = saying({"content": "so"})
    completion = way(port, asking(model=model))
    assert (completion.message.text, completion.usage, completion.cost_usd) == ("so", None, None)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_prices_an_answer_of_a_model_whose_price_is_known(server: ChatServer, lite_port: Port, way: Way) -> None:
    server.respond = saying({"content": "so"}, tokens=usage(1_000_000, 0))
    assert way(lite_port, asking(model=PRICED)).cost_usd == pytest.approx(2.5)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_gives_no_price_for_a_model_without_one(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": "so"}, tokens=usage(9, 9))
    completion = way(port, asking(model="openai/unheard-of"))
    assert (completion.usage, completion.cost_usd) == (Usage(9, 9), None)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_takes_null_for_an_empty_answer(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": None})
    completion = way(port, asking())
    assert (completion.message, completion.finish_reason) == (AssistantMessage(), FinishReason.STOP)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("tool_calls", FinishReason.TOOL_CALLS),
        ("function_call", FinishReason.TOOL_CALLS),
    ],
)
def test_says_why_an_answer_ended(server: ChatServer, port: Port, way: Way, said: str, reason: FinishReason) -> None:
    server.respond = saying({"content": "so"}, reason=said)
    assert way(port, asking()).finish_reason is reason


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_gives_calls_in_their_order_and_their_arguments_as_text(server: ChatServer, port: Port, way: Way) -> None:
    calls = [call("look", '{"word": "x"', "c1"), call("look", "", "c2"), call("nap", "{}", "c3")]
    server.respond = saying({"content": "let me see", "tool_calls": calls}, reason="tool_calls")
    message = way(port, asking()).message
    assert message.text == "let me see"
    assert message.tool_calls == (
        ToolCall("c1", "look", '{"word": "x"'),
        ToolCall("c2", "look", ""),
        ToolCall("c3", "nap", "{}"),
    )


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_takes_null_arguments_for_none_yet(server: ChatServer, port: Port, way: Way) -> None:
    null = {"index": 0, "id": "c1", "type": "function", "function": {"name": "nap", "arguments": None}}
    more = {"index": 0, "function": {"name": None, "arguments": "{}"}}
    server.script(sse(delta(tool_calls=[null]), delta(tool_calls=[more]), finish("tool_calls")))
    assert way(port, asking()).message.tool_calls == (ToolCall("c1", "nap", "{}"),)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_keeps_reasoning_apart_from_the_text(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": "so", "reasoning_content": "because"})
    assert way(port, asking()).message == AssistantMessage("so", reasoning="because")


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_names_the_model_as_the_provider_does(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": "so"})
    assert way(port, asking(model="openai/alias")).model == "scripted-1"


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_takes_a_models_refusal_for_its_answer(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": None, "refusal": "I must not."})
    assert way(port, asking()).message == AssistantMessage("I must not.")


def test_takes_a_text_and_its_end_in_one_piece() -> None:
    litellm = load()
    delta = litellm.utils.Delta(content="so")
    reading = Reading(None, "openai/scripted", litellm, several=False, heard=False)
    choice = litellm.utils.StreamingChoices(finish_reason="stop", delta=delta)
    chunk = reading.chunk(litellm.ModelResponseStream(choices=[choice], model="scripted-1"))
    assert chunk == CompletionChunk("so", finish_reason=FinishReason.STOP, model="scripted-1")
    assert reading.rest() is None


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_loses_no_piece_of_a_refusal(server: ChatServer, port: Port, way: Way) -> None:
    begin = delta(role="assistant", content="", refusal=None)
    server.script(sse(begin, delta(refusal="I must"), delta(refusal=" not."), finish()))
    assert way(port, asking()).message == AssistantMessage("I must not.")


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_gives_ten_megabytes_whole(server: ChatServer, port: Port, way: Way) -> None:
    text = "0123456789abcdé\n" * 625_000
    server.respond = saying({"content": text})
    assert way(port, asking(timeout_s=60.0)).message.text == text


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_mends_half_a_character(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = saying({"content": "a\ud83d"})
    assert way(port, asking()).message.text == "a\ufffd"


def test_knows_which_models_take_a_schema_and_what_they_cost(lite_port: Port) -> None:
    known = lite_port.capabilities("openai/gpt-4o")
    assert (known.output_schema, known.priced) == (True, True)
    assert 0 < (known.usd_per_prompt_token or 0) < (known.usd_per_completion_token or 0) < 1e-4
    assert lite_port.capabilities("openai/unheard-of") == ModelCapabilities(output_schema=None, priced=None)
    assert lite_port.capabilities("openai/gpt-4o") is known


def test_gives_the_same_completion_all_four_ways(server: ChatServer, port: Port) -> None:
    calls = [call("look", '{"word": "x"}', "c1", extra_content={"mark": 1})]
    message = {"content": "so", "reasoning_content": "as", "tool_calls": calls, "x_own": {"a": [1]}}
    server.respond = saying(message, reason="tool_calls", tokens=usage(20, 9, cached=16, reasoning=5))
    completions: list[Completion] = [way(port, asking(model=PRICED)) for way in ALL.values()]
    assert completions == [completions[0]] * 4
    assert completions[0].message.provider_data == {"x_own": {"a": [1]}, "tool_calls": [{"extra_content": {"mark": 1}}]}
