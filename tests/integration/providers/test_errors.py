"""Whatever goes wrong is one of our errors, after exactly one request, in one readable line."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.integration.providers.adapters import Port
from tests.integration.providers.ways import ALL, WHOLE, Way, check_is_presentable, in_ways, patience_s, raised
from tests.servers.chat import ChatServer, body, failure
from tests.servers.replies import Hold, Raw, Reply, Slam

from llamabot.ports.errors import (
    AuthenticationFailed,
    BadCompletion,
    CompletionError,
    CompletionTimeout,
    ContentRefused,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)

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


def test_comes_from_the_original_for_those_who_debug(server: ChatServer, lite_port: Port) -> None:
    server.script(failure(500, "boom"))
    error = raised(ALL["complete"], lite_port)
    assert type(error.__cause__).__module__.startswith("litellm.")
    assert "direct cause" in "".join(traceback.format_exception(error))
