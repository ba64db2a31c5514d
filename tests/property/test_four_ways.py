"""One body, four ways: whatever the model does, a bot gives, asks, logs and remembers the same."""

from __future__ import annotations

import enum
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.ways import WAYS, Seen, see

import llamabot as lmb
from llamabot.testing import strategies

SIMPLE = (lmb.SimpleBot, lmb.AsyncSimpleBot)
STRUCTURED = (lmb.StructuredBot, lmb.AsyncStructuredBot)


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Person(msgspec.Struct):
    name: str
    age: int
    mood: Mood = Mood.GOOD


def _json_answers() -> st.SearchStrategy[str]:
    """JSON that fits a Person, that does not, that is cut, that is fenced."""
    fitting = st.fixed_dictionaries({"name": strategies.texts(), "age": st.integers(0, 99)})
    wrong = st.fixed_dictionaries({"name": strategies.json_values()}, optional={"age": strategies.json_values()})
    whole = (fitting | wrong).map(json.dumps)
    cut = st.tuples(whole, st.integers(0, 10)).map(lambda pair: pair[0][: pair[1]])
    return whole | cut | whole.map(lambda text: f"```json\n{text}\n```")


def _json_behaviours() -> st.SearchStrategy[Any]:
    def answered(text: str, completion: lmb.Completion) -> lmb.Completion:
        message = msgspec.structs.replace(completion.message, content=text)
        return msgspec.structs.replace(completion, message=message)

    completions = st.builds(answered, _json_answers(), strategies.completions())
    return _json_answers() | completions | completions.flatmap(strategies.streams) | strategies.replies()


def _assert_alike(runs: list[Seen]) -> None:
    first, *others = (msgspec.structs.asdict(seen) for seen in runs)
    for other in others:
        for name, value in first.items():
            assert other[name] == value, name


@given(behaviour=strategies.replies(strategies.broken_texts), said=strategies.user_messages())
def test_a_simple_bot_is_the_same_in_all_four_ways(behaviour: Any, said: lmb.UserMessage) -> None:
    _assert_alike([see(way, SIMPLE, [behaviour], said) for way in WAYS])


@given(script=st.lists(_json_behaviours(), min_size=1, max_size=3))
def test_a_structured_bot_is_the_same_in_all_four_ways(script: list[Any]) -> None:
    _assert_alike([see(way, STRUCTURED, script, "who?", output=Person) for way in WAYS])


@pytest.mark.parametrize("way", WAYS)
def test_sees_what_there_is_to_see(way: str) -> None:
    """The properties above compare; this keeps what they compare from being empty."""
    seen = see(way, STRUCTURED, ["no", '{"name": "Ada", "age": 36}'], "who?", output=Person)
    assert seen.result is not None
    assert seen.result.value == Person("Ada", 36)
    assert [type(event).__name__ for event in seen.log].count("EffectFinished") == 5
    assert len(seen.requests) == 2
    assert [message.text for message in seen.remembered] == ["earlier", "indeed", "who?", '{"name": "Ada", "age": 36}']
