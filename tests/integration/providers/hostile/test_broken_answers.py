"""What servers send that cannot be read: what is wrong with it is said."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.providers.adapters import Port
from tests.integration.providers.hostile.speaking import (
    BEGIN,
    CANARY,
    END,
    JSON_HEAD,
    SSE_HEAD,
    WHOLE_BODY,
    chunk_of,
    chunked,
    opening,
)
from tests.integration.providers.ways import STREAMED, WHOLE, Way, check_is_presentable, in_ways, raised, shown_by
from tests.servers.chat import DONE, ChatServer, body, delta, event, failure, finish
from tests.servers.replies import Broken, Raw, Reply, Stream

from llamabot.ports.errors import (
    BadCompletion,
    CompletionError,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)

# OpenAI's client complains, through pydantic, of answers that are not made as they should be.
pytestmark = [pytest.mark.loopback, pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")]
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
    "content as a number": (Stream([BEGIN, event(delta(content=5)), END]), BadCompletion, "no text but an int"),
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


@pytest.fixture(autouse=True)
def _no_garbage_is_looked_for_at_the_end_of_the_stack() -> Iterator[None]:
    """Where an answer has no bottom, what LiteLLM finalizes of the answers before would have no stack left."""
    gc.disable()
    yield
    gc.enable()


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
    assert _refused(server, port, way, case).partial is None


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("case", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_says_how_a_stream_is_broken(server: ChatServer, port: Port, way: Way, case: Case) -> None:
    error = _refused(server, port, way, case)
    assert error.partial is not None
    assert error.partial.text == "hel"


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("case", BROKEN_WHOLES.values(), ids=BROKEN_WHOLES)
def test_says_how_an_answer_is_broken(server: ChatServer, port: Port, way: Way, case: Case) -> None:
    _refused(server, port, way, case)


def _refused(server: ChatServer, port: Port, way: Way, case: Case) -> CompletionError:
    """Return the error for a reply, which is one of ours that says what is wrong."""
    reply, kind, words = case
    server.script(reply)
    error = raised(way, port)
    assert isinstance(error, CompletionError)
    check_refusal(server, error, kind, words)
    return error


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
def test_keeps_what_came_when_an_answer_ends_with_a_tool_call_cut_in_two(
    server: ChatServer, port: Port, way: Way
) -> None:
    cut = event(delta(tool_calls=[opening(arguments='{"word": "gr\u00fc')])).replace(b"\\u00fc", b"\xc3")
    server.script(Stream([BEGIN, cut], cut=True))
    error = raised(way, port)
    assert isinstance(error, StreamTruncated | BadCompletion)
    assert error.partial is not None
    assert error.partial.text == "hel"
