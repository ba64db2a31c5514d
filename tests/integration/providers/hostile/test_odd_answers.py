"""What servers send that is odd, and read all the same."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from tests.integration.providers.adapters import Make, Port, litellm
from tests.integration.providers.hostile.speaking import (
    BEGIN,
    END,
    JSON_HEAD,
    SSE_HEAD,
    WHOLE_BODY,
    chunk_of,
    chunked,
    opening,
    without,
)
from tests.integration.providers.ways import ALL, STREAMED, WHOLE, Way, asking, raised
from tests.servers.chat import DONE, ChatServer, answer, body, call, delta, finish, sse, usage_event
from tests.servers.replies import Broken, Exchange, Raw, Reply, Stream

from llamabot.ports.completion import FinishReason, Usage
from llamabot.ports.errors import BadCompletion
from llamabot.ports.tools import ToolCall

# OpenAI's client complains, through pydantic, of answers that are not made as they should be.
pytestmark = [pytest.mark.loopback, pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")]
ODD_STREAMS: dict[str, Reply] = {
    "comments and CRLF": Stream([b": hi\r\n\r\n", (BEGIN + END).replace(b"\n", b"\r\n"), b": bye\r\n"]),
    "a byte at a time": Stream([bytes([byte]) for byte in BEGIN + END]),
    "no DONE": sse(delta(content="hello"), finish(), done=False),
    "a role alone": sse(
        delta(role="assistant"), delta(role="assistant", content=None), delta(content="hello"), finish()
    ),
    "an empty event": Stream([b"event: ping\ndata: {}\n\n", BEGIN, END]),
    "a null event": Stream([b"data: null\n\n", BEGIN, END]),
    "an event of two lines": Stream([BEGIN.replace(b', "choices"', b',\ndata: "choices"'), END]),
    "a null delta": Stream([chunk_of(choices=[{"index": 0, "delta": None, "finish_reason": None}]), BEGIN, END]),
    "no delta": Stream([chunk_of(choices=[{"index": 0, "finish_reason": None}]), BEGIN, END]),
    "null choices": Stream([chunk_of(choices=None), BEGIN, END]),
    "null usage": Stream([chunk_of(usage=None), END]),
    "usage of another kind": Stream([BEGIN, END.replace(DONE, b""), chunk_of(choices=[], usage=[1]), DONE]),
    "null calls": sse(delta(content="hello", tool_calls=None), finish()),
    "an unknown reason": sse(delta(content="hello"), finish("weird")),
    "a reason that is a number": Stream([BEGIN, END.replace(b'"stop"', b"5")]),
    "two reasons": sse(delta(content="hello"), finish(), finish("length")),
    "two choices in a chunk": sse(
        {
            **delta(content="hello"),
            "choices": [*delta(content="hello")["choices"], *delta(index=1, content="x")["choices"]],
        },
        finish(),
    ),
    "a short body after its end": Broken([SSE_HEAD + b"Content-Length: 5000\r\n\r\n" + BEGIN + END]),
    "gzip": Stream([gzip.compress(BEGIN + END)], headers={"Content-Encoding": "gzip"}),
    "a space behind DONE": Stream([BEGIN, END.replace(b"[DONE]", b"[DONE] ")]),
}


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("reply", ODD_STREAMS.values(), ids=ODD_STREAMS)
def test_reads_an_odd_stream(server: ChatServer, port: Port, way: Way, reply: Reply) -> None:
    server.script(reply)
    assert way(port, asking()).message.text == "hello"
    assert len(server.exchanges) == 1


ODD_WHOLES: dict[str, Reply] = {
    "gzip": Raw(gzip.compress(WHOLE_BODY), headers={"Content-Encoding": "gzip"}),
    "plain text by its name": Raw(WHOLE_BODY, content_type="text/plain"),
    "no reason": Raw(json.dumps(body({"content": "hello"}, finish_reason=None)).encode()),
    "nulls around it": Raw(json.dumps(body({"content": "hello"}, id=None, model=None, error=None)).encode()),
    "no calls": Raw(json.dumps(body({"content": "hello", "tool_calls": []})).encode()),
    "chunks of a byte": Broken(
        [JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *(chunked(bytes([b])) for b in WHOLE_BODY), b"0\r\n\r\n"]
    ),
}


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("reply", ODD_WHOLES.values(), ids=ODD_WHOLES)
def test_reads_an_odd_answer(server: ChatServer, port: Port, way: Way, reply: Reply) -> None:
    server.script(reply)
    assert way(port, asking()).message.text == "hello"
    assert len(server.exchanges) == 1


LOOK = ToolCall("c1", "look", "{}")


def part(arguments: Any, index: Any = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}, **more}


ODD_CALLS: dict[str, tuple[list[list[dict[str, Any]]], tuple[ToolCall, ...]]] = {
    "arguments null": ([[opening(arguments=None)], [part(None)]], (ToolCall("c1", "look", ""),)),
    "arguments as an object": ([[opening(arguments={"x": 1})]], (ToolCall("c1", "look", '{"x": 1}'),)),
    "no type": ([[without("type", opening())], [part("{}")]], (LOOK,)),
    "no index": ([[without("index", opening(arguments="{"))], [part("}")]], (LOOK,)),
    "index as text": ([[opening(arguments="{}", index="0")]], (LOOK,)),
    "no id": ([[opening(arguments="{}", id=None)]], (ToolCall("", "look", "{}"),)),
    "the name again": ([[opening(arguments="{")], [opening(arguments="}")]], (LOOK,)),
    "mixed": (
        [[opening(arguments="{"), opening("nap", "[", 1, id="c2")], [part("]", 1)], [part("}")]],
        (LOOK, ToolCall("c2", "nap", "[]")),
    ),
    "one index, two ids": (
        [[opening(arguments="{}")], [opening("nap", "{}", id="c2")]],
        (LOOK, ToolCall("c2", "nap", "{}")),
    ),
    "a gap in the index": (
        [[opening(arguments="{}"), opening("nap", "{}", 7, id="c2")]],
        (LOOK, ToolCall("c2", "nap", "{}")),
    ),
    "no function": (
        [[{"index": 0, "id": "c0", "type": "function", "function": None}], [opening(arguments="{}", index=1)]],
        (LOOK,),
    ),
}


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
@pytest.mark.parametrize("case", ODD_CALLS.values(), ids=ODD_CALLS)
def test_reads_odd_calls(
    server: ChatServer,
    port: Port,
    way: Way,
    reason: str,
    case: tuple[list[list[dict[str, Any]]], tuple[ToolCall, ...]],
) -> None:
    fragments, calls = case
    server.script(sse(*(delta(tool_calls=some) for some in fragments), finish(reason), usage_event()))
    completion = way(port, asking())
    assert completion.message.tool_calls == calls
    assert (completion.finish_reason, completion.usage) == (FinishReason.TOOL_CALLS, Usage(7, 3))


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_says_that_an_answer_ended_in_calls_though_the_provider_does_not(
    server: ChatServer, port: Port, way: Way
) -> None:
    server.script(Raw(json.dumps(body({"content": None, "tool_calls": [call()]})).encode()))
    assert way(port, asking()).finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("absurd", [-7, 2**70])
def test_counts_no_tokens_that_nobody_can_have_sent(server: ChatServer, port: Port, way: Way, absurd: int) -> None:
    counts = {"prompt_tokens": absurd, "completion_tokens": 3, "total_tokens": absurd + 3, "cost": 1e300}
    server.script(sse(delta(content="hello"), finish(), {**usage_event(), "usage": counts}))
    completion = way(port, asking())
    assert (completion.usage, completion.cost_usd) == (Usage(0, 3), None)


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_names_a_model_that_a_log_can_hold(server: ChatServer, port: Port, way: Way) -> None:
    server.script(Raw(json.dumps(body({"content": "hello"}, model="half \ud800")).encode()))
    assert way(port, asking()).model == "half \ufffd"


PARTS = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_reads_a_content_in_parts_or_says_that_it_is_no_text(
    server: ChatServer, make: Make, port: Port, way: Way
) -> None:
    server.respond = lambda exchange: (
        sse(delta(content=PARTS), finish()) if exchange.body.get("stream") else answer(PARTS)  # type: ignore[arg-type]  # on purpose
    )
    if make is litellm:
        assert type(raised(way, port)) is BadCompletion
    else:
        assert way(port, asking()).message.text == "hello"


def respond_to_two(exchange: Exchange) -> Reply:
    """Answer with two choices, the second of which is nobody's concern, in turns or at once."""
    first, second = ({"index": index, "message": {"content": text}} for index, text in enumerate(("hello", "x")))
    if not exchange.body.get("stream"):
        return Raw(json.dumps({**body({}), "choices": [first, second]}).encode())
    return sse(
        *(delta(index=index, content=text) for text, index in (("hel", 0), ("x", 1), ("lo", 0))),
        finish(),
        delta(index=1, finish_reason="length"),
        usage_event(),
    )


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_takes_the_first_of_several_answers(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = respond_to_two
    completion = way(port, asking(options={"n": 2}))
    assert (completion.message.text, completion.finish_reason) == ("hello", FinishReason.STOP)
