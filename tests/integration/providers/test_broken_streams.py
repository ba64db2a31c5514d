"""What had arrived of a stream that broke."""

from __future__ import annotations

import pytest
from tests.integration.providers.adapters import Port
from tests.integration.providers.ways import STREAMED, Way, asking, check_is_presentable, patience_s, raised
from tests.servers.chat import DONE, ChatServer, delta, event, finish, sse, stream_of
from tests.servers.replies import Reply, Stream

from llamabot.ports.errors import (
    BadCompletion,
    CompletionError,
    CompletionTimeout,
    ProviderUnavailable,
    RateLimited,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage

pytestmark = pytest.mark.loopback
BROKEN_STREAMS: dict[str, tuple[Reply, type[CompletionError]]] = {
    "ends without a reason": (sse(delta(content="par"), delta(content="tial"), done=False), StreamTruncated),
    "is done without a reason": (sse(delta(content="par"), delta(content="tial")), StreamTruncated),
    "is cut": (sse(delta(content="par"), delta(content="tial"), done=False, cut=True), StreamTruncated),
    "falls silent": (Stream([event(delta(content="partial"))], pause_s=3), CompletionTimeout),
    "breaks its JSON": (Stream([event(delta(content="partial")), b"data: {oops\n\n"]), BadCompletion),
    "says it failed": (sse(delta(content="partial"), finish("error")), ProviderUnavailable),
    "holds an error": (
        Stream([event(delta(content="partial")), event({"error": {"message": "upstream died", "code": 500}}), DONE]),
        ProviderUnavailable,
    ),
    "holds a limit": (
        Stream([event(delta(content="partial")), event({"error": {"message": "slow down", "code": 429}})]),
        RateLimited,
    ),
    "holds a limit by name": (
        Stream([event(delta(content="partial")), event({"error": {"message": "slow", "type": "rate_limit_error"}})]),
        RateLimited,
    ),
    "holds an error event": (
        Stream([event(delta(content="partial")), b'event: error\ndata: {"error": {"message": "it broke"}}\n\n']),
        ProviderUnavailable,
    ),
}


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("case", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_keeps_what_had_arrived_of_a_broken_stream(
    server: ChatServer, port: Port, way: Way, case: tuple[Reply, type[CompletionError]]
) -> None:
    reply, kind = case
    server.script(reply)
    error = raised(way, port, timeout_s=patience_s(kind))
    assert type(error) is kind
    assert isinstance(error, CompletionError)
    assert error.partial == AssistantMessage("partial")
    check_is_presentable(error)
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("reply", [Stream([]), Stream([DONE])], ids=["empty", "only done"])
def test_takes_a_stream_of_nothing_for_a_truncated_one(server: ChatServer, port: Port, way: Way, reply: Reply) -> None:
    server.script(reply)
    error = raised(way, port)
    assert isinstance(error, StreamTruncated)
    assert error.partial == AssistantMessage()


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_keeps_a_whole_answer_though_the_connection_breaks_behind_it(server: ChatServer, port: Port, way: Way) -> None:
    server.script(sse(delta(content="whole"), finish(), done=False, cut=True))
    assert way(port, asking()).message.text == "whole"


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_lets_a_model_repeat_itself(server: ChatServer, port: Port, way: Way) -> None:
    server.script(stream_of(["-----"] * 150))
    assert way(port, asking()).message.text == "-----" * 150
