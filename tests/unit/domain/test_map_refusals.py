"""What a map refuses at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.property.maps import BOTH, Model, bot

import llamabot as lmb
from llamabot.testing import (
    FunctionCompletion,
    InMemoryDocStore,
    InMemoryRecorder,
)


@BOTH
@pytest.mark.parametrize(
    ("inputs", "settings", "said"),
    [
        ("a question", {}, "several inputs"),
        (lmb.user("a"), {}, "several inputs"),
        ({"a": 1}, {}, "several inputs"),
        (7, {}, "several inputs"),
        ([], {"concurrency": 0}, "from 1 on"),
        ([], {"concurrency": True}, "from 1 on"),
        ([], {"concurrent": 3}, r"map\(\) has no argument 'concurrent'; did you mean 'concurrency'"),
        ([], {"retry": 3}, "RetryPolicy"),
        ([], {"resume": ""}, "not empty"),
        ([], {"resume": "a", "key": "id"}, "function"),
        ([], {"prompt": "{x}"}, "function"),
        ([], {"key": str}, "resume="),
        ([], {"accept_changes": True}, "resume="),
        ([], {"tags": {"map": "x"}}, "call it otherwise"),
        ([], {"tags": {"user": 7}}, "tags are text"),
        ([], {"limits": 7}, "lmb.Limits"),
    ],
)
def test_refuses_at_once_what_it_cannot_do(colour: str, inputs: Any, settings: Any, said: str) -> None:
    with pytest.raises(lmb.errors.UsageError, match=said):
        bot(colour).map(inputs, **settings)


@BOTH
def test_inputs_that_cannot_be_gone_through_say_so_themselves(colour: str) -> None:
    class Torn:
        def __iter__(self) -> Iterator[str]:
            raise OSError("the file is torn")

    with pytest.raises(OSError, match="torn"):
        bot(colour).map(Torn())


def test_a_sync_bot_refuses_inputs_that_are_awaited() -> None:
    async def source() -> AsyncIterator[str]:
        yield "a"

    inputs: Any = source()
    with pytest.raises(lmb.errors.UsageError, match="async_generator can only be awaited"):
        bot("sync").map(inputs)


@BOTH
def test_refuses_at_once_a_bot_that_no_input_could_be_given(colour: str) -> None:
    with pytest.raises(lmb.errors.ConfigurationError, match="no model is set"):
        (lmb.SimpleBot if colour == "sync" else lmb.AsyncSimpleBot)().map(["a"])
    query: Any = lmb.QueryBot if colour == "sync" else lmb.AsyncQueryBot
    with pytest.raises(lmb.errors.ConfigurationError, match="docstore"):
        query(model="fake", completion=Model(), recorder=InMemoryRecorder()).map(["a"])


def test_a_query_bot_takes_what_its_calls_take() -> None:
    store = InMemoryDocStore()
    store.add([lmb.Document("d", "The sky is blue.")])
    one = lmb.QueryBot(model="fake", completion=FunctionCompletion(lambda _: "Blue [1]."), recorder=InMemoryRecorder())
    (item,) = one.map(["Of what colour is the sky?"], docstore=store, k=1, min_score=0.0)
    assert item.unwrap().text == "Blue [1]."
