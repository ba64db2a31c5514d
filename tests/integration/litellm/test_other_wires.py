"""Providers that LiteLLM asks with HTTP clients of its own keep the same promises as those behind OpenAI's."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing

import pytest
from tests.integration.providers.ways import (
    ALL,
    STREAMED,
    Way,
    asking,
    check_is_presentable,
    patience_s,
    raised,
    shown_by,
)
from tests.servers.chat import ChatServer, failure
from tests.servers.replies import Exchange, Hold, Raw, Reply, Slam, Stream
from tests.servers.wires import anthropic, anthropic_event, anthropic_events, ollama, ollama_line

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.ports.completion import CompletionRequest, FinishReason, Usage
from llamabot.ports.errors import (
    AuthenticationFailed,
    BadCompletion,
    CompletionError,
    CompletionTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage, ToolMessage, UserMessage
from llamabot.ports.tools import ToolCall, ToolSpec

pytestmark = pytest.mark.loopback

CANARY = "sk-canary-4f9a1c7e"
ANTHROPIC, OLLAMA = "anthropic/scripted", "ollama_chat/scripted"
WIRES: dict[str, tuple[str, Callable[[Exchange], Reply]]] = {
    "anthropic": (ANTHROPIC, anthropic),
    "ollama": (OLLAMA, ollama),
}


@pytest.fixture
def port(server: ChatServer) -> LiteLLMCompletion:
    return LiteLLMCompletion({"api_base": server.url, "api_key": CANARY})


def asked(server: ChatServer) -> list[str]:
    """Return the paths of the requests that a model had to answer; of Ollama LiteLLM also asks what it is."""
    return [exchange.path for exchange in server.exchanges if exchange.path != "/api/show"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("arguments", ["{not json", "[1]", '"x"', "null", "", '{"a": NaN}'])
def test_a_decision_whose_arguments_are_no_object_can_be_sent_back(
    server: ChatServer, port: LiteLLMCompletion, wire: str, arguments: str
) -> None:
    """LiteLLM takes arguments apart for these providers: they would end every run in which a model slips once."""
    model, server.respond = WIRES[wire]
    turns = (
        UserMessage("hi"),
        AssistantMessage(tool_calls=(ToolCall("c", "look", arguments),)),
        ToolMessage("that is no JSON object", call_id="c", is_error=True),
    )
    look = ToolSpec("look", "", {"type": "object", "properties": {}})
    port.complete(CompletionRequest(model, turns, tools=(look,), timeout_s=5.0))
    sent = json.dumps(server.exchanges[-1].body)
    shown = json.dumps({"malformed": arguments} if arguments else {})
    assert f'"input": {shown}' in sent or f'"arguments": {shown}' in sent


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize(("model", "respond"), WIRES.values(), ids=WIRES)
def test_answers(
    server: ChatServer, port: LiteLLMCompletion, way: Way, model: str, respond: Callable[[Exchange], Reply]
) -> None:
    server.respond = respond
    completion = way(port, asking(model=model))
    assert completion.message == AssistantMessage("fine")
    assert (completion.finish_reason, completion.usage) == (FinishReason.STOP, Usage(7, 3))
    assert len(asked(server)) == 1


@pytest.mark.parametrize(("model", "respond"), WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("reply", [failure(529, "busy"), failure(404, "no such model")], ids=["busy", "unknown"])
def test_answers_in_one_event_loop_after_the_other_though_one_failed(
    server: ChatServer, port: LiteLLMCompletion, model: str, respond: Callable[[Exchange], Reply], reply: Reply
) -> None:
    server.respond = respond
    for _ in range(3):
        server.script(reply)
        assert "busy" in str(error := raised(STREAMED["astream"], port, model=model)) or "no such" in str(error)
        assert STREAMED["astream"](port, asking(model=model)).message.text == "fine"
    assert len(asked(server)) == 6


@pytest.mark.parametrize(("model", "respond"), WIRES.values(), ids=WIRES)
def test_answers_in_several_event_loops_at_once(
    server: ChatServer, port: LiteLLMCompletion, model: str, respond: Callable[[Exchange], Reply]
) -> None:
    server.respond = respond
    STREAMED["astream"](port, asking(model=model))
    together = threading.Barrier(4)

    def ask(_: int) -> set[str]:
        together.wait(10)
        return {STREAMED["astream"](port, asking(model=model, timeout_s=20.0)).message.text for _ in range(3)}

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [{"fine"}] * 4


REFUSALS: dict[str, tuple[Reply, type[CompletionError], str]] = {
    "wrong key": (failure(401, f"bad {CANARY}"), AuthenticationFailed, "refuses the key"),
    "unknown model": (failure(404, "no such model"), RequestRejected, "no such model"),
    "slow down": (failure(429, "slow down", headers={"Retry-After": "7"}), RateLimited, "slow down"),
    "overloaded": (failure(529, "overloaded"), ProviderUnavailable, "overloaded"),
    "cut before a word": (Slam(), ProviderUnavailable, "cannot be reached"),
    "silent": (Hold(3), CompletionTimeout, "timeout_s="),
    "nothing": (Raw(b"[1]"), BadCompletion, ""),
}


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", [ANTHROPIC, OLLAMA])
@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_refuses_with_an_error_of_ours(
    server: ChatServer, port: LiteLLMCompletion, way: Way, model: str, case: tuple[Reply, type[CompletionError], str]
) -> None:
    reply, kind, words = case
    server.script(reply)
    error = raised(way, port, model=model, timeout_s=patience_s(kind))
    if kind is BadCompletion and way in STREAMED.values():
        kind = type(error) if isinstance(error, StreamTruncated) else kind
    assert type(error) is kind
    assert words in str(error)
    check_is_presentable(error, model)
    assert CANARY not in shown_by(error)
    assert not isinstance(error, RateLimited) or error.retry_after_s == 7
    assert len(asked(server)) == 1


BEGUN = anthropic_events(["par", "tial"], ends=False)
LINES = [ollama_line("par"), ollama_line("tial")]
OVERLOADED = anthropic_event("error", error={"type": "overloaded_error", "message": "Overloaded"})

BROKEN_STREAMS: dict[str, tuple[str, Reply, type[CompletionError]]] = {
    "anthropic is cut": (ANTHROPIC, Stream(BEGUN, cut=True), StreamTruncated),
    "anthropic ends": (ANTHROPIC, Stream(BEGUN), StreamTruncated),
    "anthropic fails": (ANTHROPIC, Stream([*BEGUN, OVERLOADED]), ProviderUnavailable),
    "anthropic breaks its JSON": (ANTHROPIC, Stream([*BEGUN, b"event: x\ndata: {oops\n\n"]), StreamTruncated),
    "ollama is cut": (OLLAMA, Stream(LINES, cut=True), StreamTruncated),
    "ollama ends": (OLLAMA, Stream(LINES), StreamTruncated),
    "ollama falls silent": (OLLAMA, Stream([b"".join(LINES)], pause_s=3), CompletionTimeout),
}


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("case", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_keeps_what_had_arrived_of_a_broken_stream(
    server: ChatServer, port: LiteLLMCompletion, way: Way, case: tuple[str, Reply, type[CompletionError]]
) -> None:
    model, reply, kind = case
    server.script(reply)
    error = raised(way, port, model=model, timeout_s=patience_s(kind))
    assert type(error) is kind
    assert isinstance(error, CompletionError)
    assert error.partial == AssistantMessage("partial")
    check_is_presentable(error, model)
    assert len(asked(server)) == 1


ENDLESS = {
    "anthropic": (ANTHROPIC, Stream(anthropic_events(["word "] * 3000), pause_s=0.01)),
    "ollama": (OLLAMA, Stream([ollama_line("word ")] * 3000, pause_s=0.01, content_type="application/x-ndjson")),
}


@pytest.mark.parametrize("colour", ["blocking", "async"])
@pytest.mark.parametrize(("model", "reply"), ENDLESS.values(), ids=ENDLESS)
def test_stops_a_provider_that_is_left(
    server: ChatServer, port: LiteLLMCompletion, colour: str, model: str, reply: Reply
) -> None:
    async def leave() -> None:
        async with aclosing(port.astream(asking(model=model))) as stream:
            await anext(stream)
        assert await asyncio.to_thread(server.exchanges[-1].left.wait, 1.0)

    server.script(reply)
    if colour == "async":
        asyncio.run(leave())
    else:
        with closing(port.stream(asking(model=model))) as stream:
            next(stream)
    assert server.exchanges[-1].left.wait(1.0)
    assert server.exchanges[-1].fragments_sent < 200
