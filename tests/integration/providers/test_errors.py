"""Whatever goes wrong is one of our errors, after exactly one request, in one readable line."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.ways import (
    ALL,
    STREAMED,
    WHOLE,
    Way,
    asking,
    check_is_presentable,
    in_ways,
    patience_s,
    raised,
)
from tests.servers.chat import DONE, ChatServer, answer, body, delta, event, failure, finish, sse, stream_of
from tests.servers.loopback import Hold, Raw, Reply, Slam, Stream, refusing_port

from llamabot.ports.errors import (
    AuthenticationFailed,
    BadCompletion,
    CompletionError,
    CompletionTimeout,
    ConfigurationError,
    ContentRefused,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage

pytestmark = pytest.mark.loopback

REFUSALS: dict[str, tuple[Reply, type[CompletionError], int | None, str]] = {
    "wrong key": (failure(401, "Incorrect API key"), AuthenticationFailed, 401, "check the environment variable"),
    "not allowed": (failure(403, "not your model"), AuthenticationFailed, 403, "not your model"),
    "unknown model": (failure(404, "no such model"), RequestRejected, 404, "no such model"),
    "bad request": (failure(400, "bad option top_q"), RequestRejected, 400, "bad option top_q"),
    "unprocessable": (failure(422, "no"), RequestRejected, 422, "no"),
    "gave up": (failure(408, "too slow"), CompletionTimeout, 408, "too slow"),
    "slow down": (failure(429, "slow down"), RateLimited, 429, "slow down"),
    "too many tokens a minute": (failure(429, "too many tokens per minute"), RateLimited, 429, "too many tokens"),
    "broken": (failure(500, "boom"), ProviderUnavailable, 500, "boom"),
    "behind a gateway": (Raw(b"<h1>Bad gateway</h1>", 502, "text/html"), ProviderUnavailable, 502, "Bad gateway"),
    "busy": (failure(503, "overloaded"), ProviderUnavailable, 503, "overloaded"),
    "gateway timed out": (failure(504, "gateway"), ProviderUnavailable, 504, "gateway"),
    "overloaded": (failure(529, "overloaded"), ProviderUnavailable, 529, "overloaded"),
    "too long": (
        failure(400, "This model's maximum context length is 8 tokens", code="context_length_exceeded"),
        ContextTooLong,
        400,
        "maximum context length is 8",
    ),
    "too long for llama.cpp": (
        failure(400, "the request exceeds the available context size", type="exceed_context_size_error"),
        ContextTooLong,
        400,
        "available context size",
    ),
    "filtered": (
        failure(400, "Filtered: content management policy", code="content_filter"),
        ContentRefused,
        400,
        "policy",
    ),
    "alternating roles": (
        failure(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        RequestRejected,
        None,
        "alternate",
    ),
    "last is not the user": (failure(400, "Last message must have role `user`"), RequestRejected, None, "user"),
    "cut before a word": (Slam(), ProviderUnavailable, None, "cannot be reached"),
    "silent": (Hold(5), CompletionTimeout, None, "timeout_s="),
}


# They differ from those that are asked in all ways by their status or words only, which one place looks at.
LIKE_OTHERS = (
    "not allowed",
    "unprocessable",
    "too many tokens a minute",
    "busy",
    "gateway timed out",
    "overloaded",
    "too long for llama.cpp",
    "last is not the user",
)


@pytest.mark.parametrize(("case", "way"), in_ways(REFUSALS, like_others=LIKE_OTHERS))
def test_refuses_with_an_error_of_ours(
    server: ChatServer,
    port: Port,
    way: Way,
    case: tuple[Reply, type[CompletionError], int | None, str],
) -> None:
    reply, kind, status, words = case
    server.script(reply)
    error = raised(way, port, timeout_s=patience_s(kind))
    assert type(error) is kind
    assert isinstance(error, CompletionError)
    assert status is None or error.status_code == status
    assert words in str(error)
    assert error.partial is None
    check_is_presentable(error)
    assert len(server.exchanges) == 1


NO_COMPLETIONS: dict[str, Raw] = {
    "no JSON": Raw(b"not json at all"),
    "HTML": Raw(b"<html><body>Please log in</body></html>", content_type="text/html"),
    "nothing": Raw(b""),
    "null": Raw(b"null"),
    "a list": Raw(b"[1, 2]"),
    "no choices": Raw(json.dumps({**body({"content": "x"}), "choices": []}).encode()),
    "null choices": Raw(json.dumps({**body({"content": "x"}), "choices": None}).encode()),
    "choices are missing": Raw(b'{"id": "1", "object": "chat.completion"}'),
    "a choice without a message": Raw(b'{"id": "1", "choices": [{"index": 0}]}'),
    "a message that is null": Raw(b'{"id": "1", "choices": [{"index": 0, "message": null}]}'),
}


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("reply", NO_COMPLETIONS.values(), ids=NO_COMPLETIONS)
def test_tells_what_is_no_completion(server: ChatServer, port: Port, way: Way, reply: Raw) -> None:
    server.script(reply)
    error = raised(way, port)
    assert type(error) is BadCompletion
    check_is_presentable(error)
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "quota is gone", "code": 429}, RateLimited),
        ({"message": "quota is gone", "code": "insufficient_quota"}, RateLimited),
        ({"message": "upstream died", "code": 502}, ProviderUnavailable),
        ({"message": "odd", "code": "²"}, ProviderUnavailable),
        ({"message": "odd", "code": "9" * 5000}, ProviderUnavailable),
    ],
)
def test_finds_an_error_inside_of_a_200(
    server: ChatServer, port: Port, way: Way, error: dict[str, Any], kind: type[CompletionError]
) -> None:
    server.script(Raw(json.dumps({"error": error}).encode()))
    found = raised(way, port)
    assert type(found) is kind
    assert error["message"] in str(found)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_cannot_reach_a_port_where_nobody_listens(make: Make, way: Way) -> None:
    with refusing_port() as address:
        error = raised(way, make({"api_base": address, "api_key": "sk-test"}))
    assert type(error) is ProviderUnavailable
    assert "cannot be reached: " in str(error)
    check_is_presentable(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", ["openai/scripted", "gpt-4o", "anthropic/claude-sonnet-4-5", "azure/mine"])
def test_says_where_a_missing_key_goes(lite: Make, server: ChatServer, way: Way, model: str) -> None:
    error = raised(way, lite({"api_base": server.api_base, "api_version": "1"}), model=model)
    assert type(error) is AuthenticationFailed
    provider = {"gpt-4o": "openai"}.get(model, model.partition("/")[0])
    assert f"{provider.upper()}_API_KEY" in str(error)
    assert "options={'api_key': …}" in str(error)
    assert server.exchanges == []


def test_names_the_variable_whose_key_is_refused(
    lite: Make, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-4f9a1c7e")
    server.script(failure(401, "Incorrect API key"))
    error = raised(ALL["complete"], lite({"api_base": server.api_base}))
    assert "check the environment variable OPENAI_API_KEY" in str(error)


WAITS: dict[str, tuple[str | None, float | None]] = {
    "seconds": ("7", 7.0),
    "a part of a second": ("0.25", 0.25),
    "less than nothing": ("-3", 0.0),
    "a word": ("soon", None),
    "no number": ("nan", None),
    "beyond all numbers": ("1e999", None),
    "a date long ago": ("Mon, 01 Jan 0001 00:00:00 GMT", 0.0),
    "nothing": (None, None),
}


@pytest.mark.parametrize(("case", "way"), in_ways(WAITS, like_others=WAITS.keys() - {"seconds", "nothing"}))
def test_passes_on_how_long_to_wait(
    server: ChatServer, port: Port, way: Way, case: tuple[str | None, float | None]
) -> None:
    wait, seconds = case
    server.script(failure(429, "slow down", headers={"Retry-After": wait} if wait else {}))
    error = raised(way, port)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds


def test_reads_a_date_to_wait_for(server: ChatServer, port: Port) -> None:
    for offset_s in (90, -90):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=offset_s), usegmt=True)
        server.script(failure(429, "slow down", headers={"Retry-After": date}))
        error = raised(ALL["complete"], port)
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == pytest.approx(max(0, offset_s), abs=5)


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


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", ["scripted", "nonsense/scripted"])
def test_says_how_to_name_a_provider(lite: Make, server: ChatServer, way: Way, model: str) -> None:
    error = raised(way, lite({}), model=model)
    assert type(error) is ConfigurationError
    assert "custom_llm_provider" in str(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("model", ["", "  "])
def test_says_how_to_set_a_model(server: ChatServer, port: Port, way: Way, model: str) -> None:
    error = raised(way, port, model=model)
    assert type(error) is ConfigurationError
    for place in ("model=", "lmb.configure(model=…)", "LLAMABOT_MODEL", "llamabot.toml", "embedded/smollm2"):
        assert place in str(error)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_asks_nobody_when_it_is_to_be_offline(
    server: ChatServer, port: Port, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    error = raised(way, port)
    assert type(error) is ConfigurationError
    assert "LLAMABOT_OFFLINE" in str(error)
    assert server.exchanges == []
    monkeypatch.setenv("LLAMABOT_OFFLINE", "0")
    server.respond = lambda exchange: stream_of(["on"]) if exchange.body.get("stream") else answer("on")
    assert way(port, asking()).message.text == "on"


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_does_not_take_the_callers_trouble_for_its_own(server: ChatServer, port: Port, way: Way) -> None:
    server.script(failure(401, "wrong key"), Raw(b"no json"))
    try:
        raise TimeoutError("the caller's own, about context length and rate limits")
    except TimeoutError:
        assert type(raised(way, port)) is AuthenticationFailed
        assert type(raised(way, port)) is BadCompletion


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_says_that_an_address_is_none(make: Make, way: Way) -> None:
    error = raised(way, make({"api_base": "localhost:1234/v1", "api_key": "sk-test"}))
    assert type(error) is ConfigurationError
    assert "http://" in str(error)


def test_comes_from_the_original_for_those_who_debug(server: ChatServer, lite_port: Port) -> None:
    server.script(failure(500, "boom"))
    error = raised(ALL["complete"], lite_port)
    assert type(error.__cause__).__module__.startswith("litellm.")
    assert "direct cause" in "".join(traceback.format_exception(error))
