"""Tools over the wire, as OpenAI's protocol has them: declared, chosen, called, answered, and sent back unchanged."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.ways import ALL, STREAMED, WHOLE, Way, asking
from tests.servers.chat import ChatServer, anything, body, call, delta, finish, sse, usage_event
from tests.servers.replies import Exchange, Raw, Reply, Stream
from tests.servers.wires import anthropic, anthropic_event, anthropic_events

from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from llamabot.ports.tools import ToolCall, ToolSpec

pytestmark = pytest.mark.loopback

LOOK = ToolSpec("look", "Look something up.", {"type": "object", "properties": {"word": {"type": "string"}}})
NAP = ToolSpec("nap", "", {"type": "object", "properties": {}})
LOOK_WIRE, NAP_WIRE = (
    {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }
    for tool in (LOOK, NAP)
)


@pytest.fixture(autouse=True)
def _answering(server: ChatServer) -> None:
    server.respond = anything


def sent(server: ChatServer, port: Port, way: Way, *messages: Message, **changes: Any) -> dict[str, Any]:
    """Return the body of the request that a call made."""
    request = CompletionRequest("openai/scripted", messages or (UserMessage("hi"),), timeout_s=5.0, **changes)
    assert way(port, request).message.text == "fine"
    wire: dict[str, Any] = server.exchanges[-1].body
    return wire


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", {}),
        ("required", {"tool_choice": "required"}),
        ("none", {"tool_choice": "none"}),
        ("look", {"tool_choice": {"type": "function", "function": {"name": "look"}}}),
    ],
)
def test_declares_tools_and_says_which_to_choose(
    server: ChatServer, port: Port, way: Way, choice: str, wire: dict[str, Any]
) -> None:
    told = sent(server, port, way, tools=(LOOK, NAP), tool_choice=choice)
    streamed = {"stream": True, "stream_options": {"include_usage": True}} if way in STREAMED.values() else {}
    messages = [{"role": "user", "content": "hi"}]
    assert told.pop("model").endswith("scripted")  # LiteLLM takes the provider's name off
    assert told == {"messages": messages, "tools": [LOOK_WIRE, NAP_WIRE], **wire, **streamed}


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_says_nothing_of_a_choice_without_tools(server: ChatServer, port: Port, way: Way) -> None:
    assert sent(server, port, way, tool_choice="required").keys().isdisjoint({"tools", "tool_choice"})


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_sends_a_decision_and_what_its_tools_said(server: ChatServer, port: Port, way: Way) -> None:
    first = (ToolCall("c1", "look", '{"word": "x"}'), ToolCall("c2", "look", "{not json"))
    conversation = (
        SystemMessage("be"),
        UserMessage("hi"),
        AssistantMessage(tool_calls=first),
        ToolMessage("42", call_id="c1"),
        ToolMessage("it failed", call_id="c2", is_error=True),
        AssistantMessage("once more", tool_calls=(ToolCall("c3", "nap", ""),), reasoning="why"),
        ToolMessage("", call_id="c3"),
    )
    told = sent(server, port, way, *conversation, tools=(LOOK, NAP))["messages"]
    assert [{name: value for name, value in message.items() if value is not None} for message in told] == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "tool_calls": [call("look", '{"word": "x"}', "c1"), call("look", '{"malformed":"{not json"}', "c2")],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "tool", "tool_call_id": "c2", "content": "it failed"},
        {
            "role": "assistant",
            "content": "once more",
            "tool_calls": [call("nap", "{}", "c3")],
            "reasoning_content": "why",
        },
        {"role": "tool", "tool_call_id": "c3", "content": ""},
    ]


THINKING = [
    {"type": "thinking", "thinking": "I look", "signature": "sig-1"},
    {"type": "redacted_thinking", "data": "x"},
]
PROVIDERS_OWN = {"thinking_blocks": THINKING, "x_cache": {"mark": [1, 2]}, "x_trace": "t-1"}
SIGNED_CALL = {"extra_content": {"google": {"thought_signature": "g-1"}}}
DECISION = {
    "content": "so",
    "reasoning_content": "I look",
    "tool_calls": [call("look", "{}", "c1", **SIGNED_CALL), call("look", '{"word": "y"}', "c2")],
    **PROVIDERS_OWN,
}


def thought(text: str, signature: str = "") -> dict[str, str]:
    return {"type": "thinking", "thinking": text, "signature": signature}


STREAMED_DECISION = [
    delta(role="assistant", content="", reasoning_content="I ", thinking_blocks=[thought("I ")]),
    delta(reasoning_content="look", thinking_blocks=[thought("look")]),
    delta(reasoning_content="", thinking_blocks=[thought("", signature="sig-1")]),
    delta(content="s", thinking_blocks=[THINKING[1]], x_cache={"mark": [1]}),
    delta(content="o", x_cache={"mark": [2]}, x_trace="t-1"),
    delta(tool_calls=[call("look", "", "c1", index=0, **SIGNED_CALL)]),
    delta(tool_calls=[call("look", '{"word": "y"}', "c2", index=1), {"index": 0, "function": {"arguments": "{}"}}]),
    finish("tool_calls"),
    usage_event(),
]


def deciding(exchange: Exchange) -> Reply:
    if exchange.body.get("stream"):
        return sse(*STREAMED_DECISION)
    return Raw(json.dumps(body(DECISION, finish_reason="tool_calls")).encode())


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("back", ALL.values(), ids=ALL)
def test_sends_a_providers_own_fields_back_unchanged(server: ChatServer, port: Port, way: Way, back: Way) -> None:
    server.respond = deciding
    decided = stored(way(port, asking(tools=(LOOK,))).message)
    server.respond = anything
    answers = (ToolMessage("42", call_id="c1"), ToolMessage("43", call_id="c2"))
    messages = sent(server, port, back, UserMessage("hi"), decided, *answers, tools=(LOOK,))["messages"]
    assert messages[1] == {"role": "assistant", **DECISION}
    assert [message["tool_call_id"] for message in messages[2:]] == ["c1", "c2"]


def stored(message: AssistantMessage) -> AssistantMessage:
    """Return a message that was written down and read again."""
    return msgspec.json.decode(msgspec.json.encode(message), type=AssistantMessage)


BLOCKS = [
    {"type": "thinking", "thinking": "I look", "signature": "sig-1"},
    {"type": "tool_use", "id": "c1", "name": "look", "input": {"word": "x"}},
]


def deciding_as_anthropic(exchange: Exchange) -> Reply:
    if not exchange.body.get("stream"):
        tokens = {"input_tokens": 7, "output_tokens": 3}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": BLOCKS}
        return Raw(json.dumps({**message, "stop_reason": "tool_use", "usage": tokens}).encode())
    deltas = [
        (0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "I "}),
        (0, None, {"type": "thinking_delta", "thinking": "look"}),
        (0, None, {"type": "signature_delta", "signature": "sig-1"}),
        (1, {**BLOCKS[1], "input": {}}, {"type": "input_json_delta", "partial_json": '{"word": '}),
        (1, None, {"type": "input_json_delta", "partial_json": '"x"}'}),
    ]
    events = anthropic_events([], ends=False)[:1]
    for index, block, more in deltas:
        if block:
            events.append(anthropic_event("content_block_start", index=index, content_block=block))
        events.append(anthropic_event("content_block_delta", index=index, delta=more))
    last = anthropic_event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 3})
    return Stream([*events, last, anthropic_event("message_stop")])


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_keeps_a_signed_thought_on_a_wire_that_is_not_openais(lite: Make, server: ChatServer, way: Way) -> None:
    port = lite({"api_base": server.url, "api_key": "sk-test"})
    server.respond = deciding_as_anthropic
    decided = way(port, asking(model="anthropic/scripted", tools=(LOOK,))).message
    assert decided.reasoning == "I look"
    assert json.loads(decided.tool_calls[0].arguments) == {"word": "x"}
    assert decided.provider_data == {"thinking_blocks": BLOCKS[:1]}
    server.respond = anthropic
    turns = (UserMessage("hi"), stored(decided), ToolMessage("42", call_id="c1"))
    way(port, CompletionRequest("anthropic/scripted", turns, tools=(LOOK,), timeout_s=5.0))
    _, assistant, answered = server.exchanges[-1].body["messages"]
    assert assistant["content"] == BLOCKS
    assert answered["content"][0]["tool_use_id"] == "c1"


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_takes_a_message_without_calls_for_no_decision(server: ChatServer, port: Port, way: Way) -> None:
    server.script(Raw(json.dumps(body({"content": "no", "tool_calls": None})).encode()))
    assert way(port, asking(tools=(LOOK,))).message == AssistantMessage("no")
