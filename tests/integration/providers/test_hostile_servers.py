"""A server that breaks the rules gets one request, and the user a right answer or one error that says what happened."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.providers.adapters import Make, Port, litellm
from tests.integration.providers.ways import (
    ALL,
    STREAMED,
    WHOLE,
    Way,
    asking,
    check_is_presentable,
    in_ways,
    raised,
    shown_by,
)
from tests.servers.chat import (
    DONE,
    ChatServer,
    answer,
    anything,
    body,
    call,
    delta,
    event,
    failure,
    finish,
    sse,
    usage_event,
)
from tests.servers.loopback import Broken, Exchange, Raw, Reply, Stream

from llamabot.ports.completion import FinishReason, Usage
from llamabot.ports.errors import (
    BadCompletion,
    CompletionError,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.tools import ToolCall

# OpenAI's client complains, through pydantic, of answers that are not made as they should be.
pytestmark = [pytest.mark.loopback, pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")]

CANARY = "sk-canary-4f9a1c7e"
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WHOLE_BODY = json.dumps(body({"content": "hello"})).encode()
BEGIN, END = event(delta(content="hel")), event(delta(content="lo")) + event(finish()) + DONE


@pytest.fixture
def port(make: Make, server: ChatServer) -> Port:
    return make({"api_base": server.api_base, "api_key": CANARY})


@pytest.fixture(autouse=True)
def _no_key_in_any_log() -> Iterator[None]:
    """Listen to every logger at its lowest level."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(f"{record.getMessage()} {record.args} {record.exc_info} {record.exc_text}")

    root, listener, level = logging.getLogger(), Listener(0), logging.getLogger().level
    root.addHandler(listener)
    root.setLevel(0)
    yield
    root.removeHandler(listener)
    root.setLevel(level)
    assert CANARY not in "\n".join(heard)


def chunk_of(**fields: Any) -> bytes:
    return event({**delta(content="hel"), **fields})


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


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


def without(name: str, call: dict[str, Any]) -> dict[str, Any]:
    return {other: value for other, value in call.items() if other != name}


def part(arguments: Any, index: Any = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}, **more}


def opening(name: str = "look", arguments: Any = "", index: Any = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


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
def test_never_counts_less_than_no_tokens(server: ChatServer, port: Port, way: Way) -> None:
    server.script(
        sse(
            delta(content="hello"),
            finish(),
            {**usage_event(), "usage": {"prompt_tokens": -7, "completion_tokens": 3, "total_tokens": -4}},
        )
    )
    assert way(port, asking()).usage == Usage(0, 3)


Case = tuple[Reply, type[CompletionError], str]

BROKEN_ANYHOW: dict[str, Case] = {
    "cut in the head": (Broken([b"HTTP/1.1 200 OK\r\nContent-Ty"]), ProviderUnavailable, "cannot be reached"),
    "reset": (Broken([], pause_s=0.1, reset=True), ProviderUnavailable, "reset by peer"),
    "no HTTP": (Broken([b"\x16\x03\x01 what?\r\n\r\n"]), ProviderUnavailable, "cannot be reached"),
    "a broken archive": (Raw(b"\x1f\x8bgarbage", headers={"Content-Encoding": "gzip"}), BadCompletion, "no completion"),
    "no content": (Raw(b"", status=204), BadCompletion, ""),
    "not modified": (Raw(b"", status=304), ProviderUnavailable, "304"),
    "a status beyond all": (Raw(b"", status=600), ProviderUnavailable, "600"),
    "an error as text": (Raw(b'{"error": "no such thing"}', 400), RequestRejected, "(400): no such thing"),
    "an error as a list": (Raw(b'["slow"]', 429), RateLimited, "slow"),
    "an error of nothing": (Raw(b"", 500), ProviderUnavailable, "500"),
    "an error without a bottom": (Raw(b"[" * 100_000, 400), RequestRejected, "400"),
    "an error in nine hundred boxes": (
        Raw(b'{"error":' * 900 + b'"x"' + b"}" * 900, 400),
        RequestRejected,
        "(400)",
    ),
    "half a character": (Raw(b'{"error": {"message": "half \\ud83d of it"}}', 400), RequestRejected, "half of it"),
    "orders for the terminal": (failure(400, "red \x1b[31m\x07alert"), RequestRejected, "red [31m alert"),
    "a code of odd digits": (failure(400, "odd", code="²"), RequestRejected, "odd"),
    "pay first": (failure(402, "pay first"), RequestRejected, "pay first"),
    "a conflict": (failure(409, "busy"), RequestRejected, "busy"),
    "too early": (failure(425, "too early"), RequestRejected, "too early"),
}

BROKEN_STREAMS: dict[str, Case] = {
    "cut in the body": (
        Broken([SSE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunked(BEGIN), b"ff\r\ndata: {"]),
        StreamTruncated,
        "in the middle",
    ),
    "reset": (
        Broken([SSE_HEAD + b"Content-Length: 5000\r\n\r\n" + BEGIN], pause_s=0.2, reset=True),
        StreamTruncated,
        "in the middle of the answer: [Errno",
    ),
    "shorter than told": (
        Broken([SSE_HEAD + b"Content-Length: 5000\r\n\r\n" + BEGIN]),
        StreamTruncated,
        "in the middle",
    ),
    "a chunk of no size": (
        Broken([SSE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunked(BEGIN), b"zz\r\nhello"]),
        StreamTruncated,
        "in the middle",
    ),
    "an empty reason": (Stream([BEGIN, event(finish("")), DONE]), StreamTruncated, "without a finish reason"),
    "an error that is text": (Stream([BEGIN, event({"error": "it broke"})]), ProviderUnavailable, "it broke"),
    "an error and then more": (
        Stream([BEGIN, event({"error": {"message": "upstream died", "code": 502}}), END]),
        ProviderUnavailable,
        "upstream died",
    ),
    "an error beside a choice": (
        Stream([BEGIN, event({**finish("error"), "error": {"message": "upstream died", "code": 502}}), DONE]),
        ProviderUnavailable,
        "upstream died",
    ),
    "content as a number": (Stream([BEGIN, event(delta(content=5)), END]), BadCompletion, "no text but a int"),
    "a list for a chunk": (Stream([BEGIN, b"data: [1, 2]\n\n", END]), BadCompletion, "not made as one"),
    "a text for a chunk": (Stream([BEGIN, b'data: "x"\n\n', END]), BadCompletion, "not made as one"),
    "a text for a choice": (Stream([BEGIN, chunk_of(choices=["x"]), END]), BadCompletion, "not made as one"),
    "no bottom": (Stream([BEGIN, b"data: " + b"[" * 100_000 + b"\n\n", END]), BadCompletion, "recursion"),
    "bytes that are no text": (Stream([BEGIN, b"data: \xff\xfe\n\n", END]), BadCompletion, "decode"),
}

BROKEN_WHOLES: dict[str, Case] = {
    "cut in the body": (
        Broken([JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ff\r\n{"]),
        ProviderUnavailable,
        "cannot be reached",
    ),
    "shorter than told": (
        Broken([JSON_HEAD + b"Content-Length: 5000\r\n\r\n" + WHOLE_BODY]),
        ProviderUnavailable,
        "cannot be reached",
    ),
    "longer than told": (Broken([JSON_HEAD + b"Content-Length: 20\r\n\r\n" + WHOLE_BODY]), BadCompletion, "JSON"),
    "content as a number": (Raw(json.dumps(body({"content": 5})).encode()), BadCompletion, ""),
    "a message as a list": (Raw(b'{"choices": [{"index": 0, "message": [1]}]}'), BadCompletion, ""),
    "bytes that are no text": (Raw(WHOLE_BODY.replace(b"hello", b"\xff")), BadCompletion, "decode"),
    "no bottom": (Raw(b"[" * 100_000), BadCompletion, "recursion"),
    "a stream": (Stream([BEGIN, END]), BadCompletion, "no completion"),
    "an error beside an answer": (
        Raw(json.dumps({**body({"content": "x"}), "error": {"message": "half", "code": 500}}).encode()),
        ProviderUnavailable,
        "half",
    ),
}


def check_refusal(server: ChatServer, error: CompletionError, kind: type[CompletionError], words: str) -> None:
    assert type(error) is kind
    assert words in str(error)
    check_is_presentable(error)
    assert CANARY not in shown_by(error)
    assert len(server.exchanges) == 1


# They differ from those that are asked in all ways by their status or words only, which one place looks at.
LIKE_OTHERS = ("an error as a list", "a code of odd digits", "pay first", "a conflict", "too early")


@pytest.mark.parametrize(("case", "way"), in_ways(BROKEN_ANYHOW, like_others=LIKE_OTHERS))
def test_says_how_a_reply_is_broken(server: ChatServer, port: Port, way: Way, case: Case) -> None:
    reply, kind, words = case
    server.script(reply)
    error = raised(way, port)
    assert isinstance(error, CompletionError)
    assert error.partial is None
    check_refusal(server, error, kind, words)


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("case", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_says_how_a_stream_is_broken(server: ChatServer, port: Port, way: Way, case: Case) -> None:
    reply, kind, words = case
    server.script(reply)
    error = raised(way, port)
    assert isinstance(error, CompletionError)
    assert error.partial is not None
    assert error.partial.text == "hel"
    check_refusal(server, error, kind, words)


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("case", BROKEN_WHOLES.values(), ids=BROKEN_WHOLES)
def test_says_how_an_answer_is_broken(server: ChatServer, port: Port, way: Way, case: Case) -> None:
    reply, kind, words = case
    server.script(reply)
    error = raised(way, port)
    assert isinstance(error, CompletionError)
    check_refusal(server, error, kind, words)


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


FIRST_CHUNKS: dict[str, tuple[dict[str, Any], type[CompletionError]]] = {
    "failed": ({"message": "upstream died", "code": 500}, ProviderUnavailable),
    "limited": ({"message": "slow down", "code": 429}, RateLimited),
    "too long": ({"message": "maximum context length is 8", "code": "context_length_exceeded"}, ContextTooLong),
}


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("case", FIRST_CHUNKS.values(), ids=FIRST_CHUNKS)
def test_takes_an_error_for_the_first_chunk(
    server: ChatServer, port: Port, way: Way, case: tuple[dict[str, Any], type[CompletionError]]
) -> None:
    told, kind = case
    server.script(Stream([event({"error": told}), DONE]))
    error = raised(way, port)
    assert isinstance(error, CompletionError)
    assert error.partial is None
    check_refusal(server, error, kind, told["message"])


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_reads_a_line_of_many_megabytes(server: ChatServer, make: Make, port: Port, way: Way) -> None:
    millions = 10 if make is litellm else 20  # which takes LiteLLM four times as long as the half
    server.script(sse(delta(content="0123456789" * (millions * 100_000)), finish()))
    assert len(way(port, asking(timeout_s=60.0)).message.text) == millions * 1_000_000


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_asks_on_a_new_connection_where_the_server_has_closed_the_old_one(
    server: ChatServer, port: Port, way: Way
) -> None:
    server.respond = anything
    assert way(port, asking()).message.text == "fine"
    server.cut_all()
    assert server.settles(0)
    assert way(port, asking()).message.text == "fine"
    assert len(server.exchanges) == 2


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_keeps_what_came_when_an_answer_ends_with_a_tool_call_cut_in_two(
    server: ChatServer, port: Port, way: Way
) -> None:
    cut = event(delta(tool_calls=[opening(arguments='{"word": "gr\u00fc')])).replace(b"\\u00fc", b"\xc3")
    server.script(Stream([BEGIN, cut], cut=True))
    error = raised(way, port)
    assert isinstance(error, StreamTruncated | BadCompletion)
    assert error.partial is not None
    assert error.partial.text == "hel"


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_does_not_wait_for_a_head_that_never_comes(server: ChatServer, port: Port, way: Way) -> None:
    server.script(Broken([b"HTTP/1.1 200 OK\r\nX-Slow: "], pause_s=3.0))
    assert "timeout_s=" in str(raised(way, port, timeout_s=0.3))
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_goes_where_it_is_sent_without_showing_the_key_to_a_stranger(server: ChatServer, port: Port, way: Way) -> None:
    with ChatServer() as stranger:
        stranger.respond = lambda exchange: failure(404, f"you showed {exchange.headers.get('authorization')}")
        server.script(Raw(b"", 307, headers={"Location": f"{stranger.url.replace('127.0.0.1', 'localhost')}/v1/x"}))
        error = raised(way, port)
        assert CANARY not in shown_by(error) + repr([exchange.headers for exchange in stranger.exchanges])


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
