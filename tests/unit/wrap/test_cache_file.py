"""Answers that are kept in a file."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.unit.wrap.four_ways import outcome, request

import llamabot as lmb
from llamabot.testing import FunctionCompletion, HashedEmbedding, ScriptedCompletion


def echo(asked: Any) -> str:
    return "echo"


def test_processes_share_a_file_and_it_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    keyed = lmb.LiteLLMCompletion({"api_key": "sk-canary-1", "api_base": "http://user:canary-2@localhost"})

    class Known(FunctionCompletion):
        identity = keyed.identity

        def with_secrets(self, secrets: Any) -> Known:
            return self

    first, second = Known(lambda asked: "first"), Known(lambda asked: "second")
    assert outcome("complete", lmb.Cache(first, path=path).with_secrets(keyed._secrets), request()) == "first"
    pickled = pickle.dumps(lmb.Cache(FunctionCompletion(echo), path, name=keyed.identity))
    other = pickle.loads(pickled)  # noqa: S301 - it was pickled a moment ago
    assert outcome("astream", other, request()) == "first"
    assert outcome("complete", lmb.Cache(second, path=path), request()) == "first"
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"first" in written
    assert b"canary" not in written
    assert "canary" not in repr(lmb.Cache(keyed, path=path))


def test_adapters_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    here, there = (lmb.LiteLLMCompletion({"api_base": f"http://{host}"}) for host in ("here", "there"))
    assert here.identity != there.identity
    assert here.identity == lmb.LiteLLMCompletion({"api_base": "http://here", "api_key": "sk-other"}).identity
    wired = [lmb.WireCompletion(base_url=f"http://{host}", api_key=key) for host, key in ("ax", "ay", "cz")]
    assert [one.identity == wired[0].identity for one in wired] == [True, True, False]
    assert not any(one.identity == here.identity for one in wired)
    answers = [
        outcome("complete", lmb.Cache(FunctionCompletion(lambda asked, said=said: said), path, name=name), request())
        for name, said in [("a", "one"), ("b", "two"), ("a", "three")]
    ]
    assert answers == ["one", "two", "one"]


def test_decorators_pass_on_who_the_adapter_is() -> None:
    port = lmb.LiteLLMCompletion({"seed": 7})
    assert lmb.Retry(lmb.RateLimit(lmb.Cache(port), rpm=1)).identity == port.identity
    assert lmb.Fallback(port, "b").identity != lmb.Fallback(port, "c").identity != port.identity


@pytest.mark.parametrize("damage", [b"\0", 7, "text"])
def test_a_damaged_entry_is_asked_anew(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "answers.db"
    cache = lmb.Cache(ScriptedCompletion(["Hi!", "Ho!"]), path)
    cache.complete(request())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE cached SET value = ?", (damage,))
    assert outcome("complete", cache, request()) == "Ho!"


@pytest.mark.parametrize("damage", [b"\0", b"\0\0\0\0", b"", 7])
def test_a_damaged_vector_is_asked_for_anew(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "vectors.db"
    cache, plain = lmb.Cache(HashedEmbedding(), path), HashedEmbedding()
    cache.embed(["a", "b"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE cached SET value = ? WHERE key = (SELECT min(key) FROM cached)", (damage,))
    assert cache.embed(["a", "b"]).tolist() == plain.embed(["a", "b"]).tolist()


def test_a_file_that_cannot_be_used_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "answers.db").write_bytes(b"no database at all" * 100)
    cache = lmb.Cache(ScriptedCompletion(["Hi!", "Ho!"]), tmp_path / "answers.db")
    assert [outcome(way, cache, request()) for way in ("complete", "astream")] == ["Hi!", "Ho!"]
    assert "not a database" in caplog.text


def test_lets_its_file_go_when_it_is_closed(tmp_path: Path) -> None:
    cache = lmb.Cache(ScriptedCompletion(["Hi!", "Ho!"]), tmp_path / "answers.db")
    companion = tmp_path / "answers.db-shm"  # goes with the last connection
    cache.complete(request())
    assert companion.exists()
    cache.close()
    assert not companion.exists()
    assert outcome("complete", cache, request()) == "Hi!"
    assert companion.exists()
    asyncio.run(cache.aclose())
    assert not companion.exists()
