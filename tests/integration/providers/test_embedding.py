"""Vectors from a provider: what is asked, in how many requests, and what becomes of every answer."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from tests.integration.providers.ways import shown_by
from tests.servers.chat import ChatServer, failure
from tests.servers.loopback import refusing_port
from tests.servers.replies import Broken, Exchange, Hold, Raw, Reply
from tests.servers.vectors import embedded, hashed, rows

import llamabot as lmb
from llamabot.ports.errors import ConfigurationError, EmbeddingError

pytestmark = pytest.mark.loopback

CANARY = "sk-canary-4f9a1c7e"

Way = Callable[[Any, list[str]], Any]
WAYS: dict[str, Way] = {
    "embed": lambda port, texts: port.embed(texts),
    "aembed": lambda port, texts: asyncio.run(port.aembed(texts)),
}
in_both_colours = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def litellm_of(server: ChatServer, options: dict[str, Any] | None = None, **changes: Any) -> lmb.LiteLLMEmbedding:
    given = {"api_base": server.api_base, "api_key": CANARY, **(options or {})}
    return lmb.LiteLLMEmbedding("openai/scripted", given, **changes)


def direct_of(server: ChatServer, options: dict[str, Any] | None = None, **changes: Any) -> lmb.WireEmbedding:
    where = {"base_url": server.api_base, "api_key": CANARY}
    return lmb.WireEmbedding("openai/scripted", **where, options=options or {}, **changes)


@pytest.fixture(params=[litellm_of, direct_of], ids=lambda make: make.__name__)
def port_of(request: pytest.FixtureRequest) -> Any:
    """Makes an embedder of each adapter that asks a server."""
    return request.param


@in_both_colours
def test_asks_in_as_few_requests_as_the_limits_allow(port_of: Any, server: ChatServer, way: Way) -> None:
    server.respond = hashed
    texts = [f"text {number}" for number in range(7)]
    vectors = way(port_of(server, batch_size=3), texts)
    assert [exchange.body["input"] for exchange in server.exchanges] == [texts[:3], texts[3:6], texts[6:]]
    assert vectors.shape == (7, 64)
    assert {exchange.path for exchange in server.exchanges} == {"/v1/embeddings"}
    assert {exchange.headers["authorization"] for exchange in server.exchanges} == {f"Bearer {CANARY}"}


def test_keeps_long_texts_within_a_request_and_a_models_limit(port_of: Any, server: ChatServer) -> None:
    server.respond = hashed
    port_of(server, max_bytes=90_000).embed(["a " * 50_000] * 3)
    assert [len(exchange.body["input"]) for exchange in server.exchanges] == [2, 1]
    port_of(server, max_bytes=7).embed(["\N{LLAMA}\N{LLAMA}", "\ud800abc"])
    assert server.exchanges[-1].body["input"] == ["\N{LLAMA}", "?abc"]


def test_asks_nothing_for_nothing_once_it_knows_the_dimensions(port_of: Any, server: ChatServer) -> None:
    server.respond = hashed
    port = port_of(server)
    assert port.embed([]).shape == (0, 64)
    assert (port.embed([]).shape, port.dimensions, len(server.exchanges)) == ((0, 64), 64, 1)
    assert (port_of(server, dimensions=8).embed([]).shape, len(server.exchanges)) == ((0, 8), 1)


def test_asks_for_the_dimensions_that_are_wanted_and_tells_them_in_its_name(server: ChatServer) -> None:
    server.script(embedded(rows([[3.0, 4.0]])))
    port = lmb.LiteLLMEmbedding(
        "openai/text-embedding-3-small", {"api_base": server.api_base, "api_key": CANARY}, dimensions=2
    )
    assert port.embed(["a"]).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    assert server.exchanges[0].body["dimensions"] == 2
    assert port.name == "openai/text-embedding-3-small dimensions=2"


def test_is_named_by_what_changes_its_vectors(port_of: Any, server: ChatServer) -> None:
    assert port_of(server).name == "openai/scripted"
    assert port_of(server, {"input_type": "query", "user": "me"}).name == "openai/scripted input_type=query"


@in_both_colours
def test_puts_vectors_in_the_order_of_the_texts(port_of: Any, server: ChatServer, way: Way) -> None:
    server.script(embedded(rows([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])[::-1]))
    assert way(port_of(server), ["a", "b", "c"])[:2].tolist() == [[1, 0], [0, 1]]


def test_takes_vectors_without_numbers_in_the_order_they_come(port_of: Any, server: ChatServer) -> None:
    server.script(embedded([{"embedding": [1, 0]}, {"embedding": [0, 2]}]))
    assert port_of(server).embed(["a", "b"]).tolist() == [[1, 0], [0, 1]]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # LiteLLM's, of a form that it does not expect
def test_reads_vectors_that_come_as_base64(port_of: Any, server: ChatServer) -> None:
    server.script(embedded(rows(["AABAQAAAgEA="])))
    assert port_of(server).embed(["a"]).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


@in_both_colours
def test_lets_no_trickle_draw_the_deadline_out(port_of: Any, server: ChatServer, way: Way) -> None:
    server.script(Broken([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", *[b" "] * 400], pause_s=0.02))
    with pytest.raises(EmbeddingError, match="timeout_s="):
        way(port_of(server, timeout_s=0.3), ["a"])


HOSTILE: dict[str, tuple[Reply, str]] = {
    "too few": (embedded(rows([[1.0, 2.0]])), "of 2 texts: it has 1 vectors"),
    "too many": (embedded(rows([[1.0, 2.0]] * 3)), "it has 3 vectors"),
    "none": (embedded([]), "it has 0 vectors"),
    "no list": (Raw(b"{}"), "it has no vectors"),
    "the same number twice": (embedded([{"index": 0, "embedding": [1, 2]}] * 2), "its numbers"),
    "a number beyond": (embedded([{"index": n, "embedding": [1, 2]} for n in (0, 2)]), "its numbers"),
    "some numbers": (embedded([{"embedding": [1, 2]}, {"index": 1, "embedding": [1, 2]}]), "its numbers"),
    "NaN": (embedded(rows([[1.0, float("nan")], [1.0, 2.0]])), "no direction"),
    "infinite": (embedded(rows([[1.0, float("inf")], [1.0, 2.0]])), "no direction"),
    "zero": (embedded(rows([[0.0, 0.0], [1.0, 2.0]])), "no direction"),
    "of different lengths": (embedded(rows([[1.0], [1.0, 2.0]])), "all of the same length"),
    "empty": (embedded(rows([[], []])), "all of the same length"),
    "null": (embedded([None, None]), "all of the same length"),
    "no JSON": (Raw(b"<html>Welcome</html>", headers={"Content-Type": "text/html"}), "is no embedding|not JSON"),
    "null alone": (Raw(b"null"), "is no embedding"),
    "half of it": (Raw(b'{"data": [{"index": 0, "embe'), "not JSON"),
}


@in_both_colours
@pytest.mark.parametrize(("reply", "told"), HOSTILE.values(), ids=HOSTILE)
def test_says_what_is_wrong_with_an_answer(port_of: Any, server: ChatServer, way: Way, reply: Reply, told: str) -> None:
    server.respond = lambda exchange: reply
    with pytest.raises(EmbeddingError, match=told) as caught:
        way(port_of(server), ["a", "b"])
    assert str(caught.value).startswith("openai/scripted: ")
    assert len(server.exchanges) == 1


def test_says_when_the_dimensions_change(port_of: Any, server: ChatServer) -> None:
    server.script(embedded(rows([[1.0, 2.0]])), embedded(rows([[1.0, 2.0, 3.0]])), embedded(rows([[1.0, 2.0, 3.0]])))
    port = port_of(server, batch_size=1)
    with pytest.raises(EmbeddingError, match="3 dimensions where 2 were expected"):
        port.embed(["a", "b"])
    with pytest.raises(EmbeddingError, match="3 dimensions where 2 were expected"):
        port.embed(["a"])


REFUSALS: dict[str, tuple[Reply, bool, int]] = {
    "slow down": (failure(429, "slow down", headers={"Retry-After": "7"}), True, 429),
    "failing": (failure(503), True, 503),
    "bad key": (failure(401, f"Incorrect API key provided: {CANARY}"), False, 401),
    "bad request": (failure(400, "input[0] is too odd"), False, 400),
}


@in_both_colours
@pytest.mark.parametrize(("reply", "retryable", "status"), REFUSALS.values(), ids=REFUSALS)
def test_asks_once_and_says_whether_it_may_be_asked_again(
    port_of: Any, server: ChatServer, way: Way, reply: Reply, retryable: bool, status: int
) -> None:
    server.respond = lambda exchange: reply
    with pytest.raises(EmbeddingError) as caught:
        way(port_of(server, batch_size=1), ["a", "b"])
    error = caught.value
    assert (error.retryable, error.status_code, len(server.exchanges)) == (retryable, status, 1)
    assert error.retry_after_s == (7 if status == 429 else None)
    assert CANARY not in shown_by(error)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - it is the test's own pickle
    assert (str(copy), vars(copy)) == (str(error), vars(error))


@in_both_colours
def test_waits_no_longer_than_it_is_told(port_of: Any, server: ChatServer, way: Way) -> None:
    server.respond = lambda exchange: Hold()
    with pytest.raises(EmbeddingError, match=r"nothing came for 0\.3 s") as caught:
        way(port_of(server, timeout_s=0.3), ["a"])
    assert caught.value.retryable


@in_both_colours
def test_says_that_nobody_is_there(way: Way) -> None:
    with refusing_port() as url:
        port = lmb.LiteLLMEmbedding("openai/scripted", {"api_base": f"{url}/v1", "api_key": CANARY})
        with pytest.raises(EmbeddingError, match="cannot be reached") as caught:
            way(port, ["a"])
    assert caught.value.retryable


@in_both_colours
def test_asks_nobody_while_offline(port_of: Any, server: ChatServer, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match=r"LLAMABOT_OFFLINE.*embedded/minilm"):
        way(port_of(server), ["a"])
    assert server.exchanges == []


@in_both_colours
def test_names_the_variable_of_a_key_that_is_missing(way: Way) -> None:
    with pytest.raises(EmbeddingError, match="OPENAI_API_KEY"):
        way(lmb.LiteLLMEmbedding("openai/text-embedding-3-small"), ["a"])


def test_shows_no_key_of_its_own(port_of: Any, server: ChatServer) -> None:
    assert CANARY not in repr(port_of(server))
    assert CANARY not in port_of(server).name
    assert CANARY not in json.dumps(dict(port_of(server).options))


@pytest.mark.parametrize("wrong", [{"dimensions": 0}, {"batch_size": 0}, {"max_bytes": 0}])
def test_refuses_limits_that_nothing_can_keep(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="=0: it is 1 or more"):
        lmb.LiteLLMEmbedding("openai/scripted", **wrong)  # type: ignore[arg-type]  # only these are given


def test_needs_a_model() -> None:
    with pytest.raises(ConfigurationError, match="no model is named"):
        lmb.LiteLLMEmbedding(" ")


def test_leaves_no_request_behind_when_it_is_cancelled(port_of: Any, server: ChatServer) -> None:
    asked = threading.Event()

    def hold(exchange: Exchange) -> Reply:
        asked.set()
        return Hold()

    server.respond = hold

    async def leave() -> None:
        task = asyncio.create_task(port_of(server).aembed(["a"]))
        assert await asyncio.to_thread(asked.wait, 20.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.exchanges[0].left.wait, 1.0)

    asyncio.run(leave())


def test_may_be_cancelled_at_any_moment(port_of: Any, server: ChatServer) -> None:
    server.respond = hashed

    async def leave(after_s: float) -> None:
        task = asyncio.create_task(port_of(server).aembed(["a"]))
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for tick in range(16):
        asyncio.run(leave(tick * 0.0004))
    gc.collect()  # a coroutine that was never awaited complains when it goes


def test_is_what_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_EMBEDDING", "openai/text-embedding-3-small")
    embedding = lmb.Container().embedding()
    assert isinstance(embedding, lmb.LiteLLMEmbedding)
    assert embedding.name == "openai/text-embedding-3-small"


def test_vectors_are_the_same_in_both_colours(port_of: Any, server: ChatServer) -> None:
    server.respond = hashed
    port = port_of(server)
    assert numpy.array_equal(port.embed(["a", ""]), asyncio.run(port.aembed(["a", ""])))
