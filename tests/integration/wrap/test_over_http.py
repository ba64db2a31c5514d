"""Decorators around an adapter and a real server: what is sent, how often, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.chat import ChatServer, anything, delta, failure, sse
from tests.unit.wrap.four_ways import WAYS, outcome, request

import llamabot as lmb
from llamabot.testing import VirtualClock

pytestmark = pytest.mark.loopback
STORM = [
    failure(429, "slow down", headers={"Retry-After": "7"}),
    failure(503),
    failure(429, headers={"Retry-After": "1"}),
]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(anything) as server:
        yield server


@pytest.fixture
def port(server: ChatServer) -> Iterator[lmb.WireCompletion]:
    with lmb.WireCompletion(base_url=server.api_base, api_key="sk-canary-4711") as port:
        yield port


@pytest.mark.parametrize("way", WAYS)
def test_a_storm_of_refusals_is_waited_out(way: str, server: ChatServer, port: lmb.WireCompletion) -> None:
    clock = VirtualClock()
    server.script(*STORM)
    retry = lmb.Retry(port, attempts=4, clock=clock, random=lambda: 0.0)
    assert outcome(way, retry, request(model="m")) == "fine"
    assert len(server.exchanges) == 4
    assert clock.elapsed_s == 7 + 1 + 1


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_that_says_who_speaks_and_breaks_is_begun_again(
    way: str, server: ChatServer, port: lmb.WireCompletion
) -> None:
    server.script(sse(delta(role="assistant", content=""), cut=True))
    assert outcome(way, lmb.Retry(port, clock=VirtualClock()), request(model="m")) == "fine"
    assert len(server.exchanges) == 2


@pytest.mark.parametrize("way", WAYS)
def test_the_whole_stack_asks_once_and_keeps_no_key(
    way: str, server: ChatServer, port: lmb.WireCompletion, tmp_path: Path
) -> None:
    server.script(*STORM)
    clock, shared = VirtualClock(), tmp_path / "shared.db"
    stack = lmb.RateLimit(port, rpm=100, tpm=100_000, path=shared, clock=clock)
    stack = lmb.Budget(stack, cost_usd=1.0, prices={"m": (1e-6, 2e-6)}, path=shared, clock=clock)
    stack = lmb.Cache(lmb.Retry(stack, attempts=4, clock=clock), path=tmp_path / "answers.db")
    first, second = (WAYS[way](stack, request(model="m")) for _ in range(2))
    assert (first.message.text, second.message.text) == ("fine", "fine")
    assert len(server.exchanges) == 4
    assert first.cost_usd == pytest.approx(7 * 1e-6 + 3 * 2e-6)
    assert (second.cost_usd, second.from_cache) == (0.0, True)
    assert b"canary" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert "canary" not in repr(stack)
    stack.close()
