"""Whatever a model writes, a type's output is a value of the type or a reason for the model to read."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.outputs import KINDS, Person, Tree

from llamabot.domain.output import OutputRejected, output_of
from llamabot.testing import strategies

kinds = st.sampled_from(list(KINDS))


@st.composite
def _damaged(draw: st.DrawFn, text: str) -> str:
    """A text with one piece of it gone, doubled or replaced."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 8)))
    piece = draw(
        st.just("") | st.just(text[start:end] * 2) | strategies.texts(max_size=4) | st.sampled_from('{}[]",:\\')
    )
    return text[:start] + piece + text[end:]


@given(st.data(), kinds)
def test_any_text_is_a_value_or_a_rejection(data: st.DataObject, kind: str) -> None:
    type_, wire, _ = KINDS[kind]
    text = data.draw(_damaged(wire) | strategies.texts() | strategies.json_values().map(json.dumps))
    with contextlib.suppress(OutputRejected):
        output_of(type_).decode(text)


@given(kinds, st.integers(0, 60))
def test_a_cut_answer_is_never_taken_for_a_whole_one(kind: str, length: int) -> None:
    type_, wire, _ = KINDS[kind]
    if length >= len(wire):
        return
    try:
        value = output_of(type_).decode(wire[:length])
    except OutputRejected:
        return
    raise AssertionError(f"{wire[:length]!r} was taken for {value!r}")


@given(st.data(), kinds)
def test_a_fence_and_words_around_it_change_nothing(data: st.DataObject, kind: str) -> None:
    type_, wire, value = KINDS[kind]
    around = st.sampled_from(["", "Sure!\n", "\n", "Here it is:\r\n\r\n"])
    language, end = data.draw(st.sampled_from(["", "json", "JSON "])), data.draw(st.sampled_from(["\n", "\r\n"]))
    text = f"{data.draw(around)}```{language}{end}{wire}{end}```{end}{data.draw(around)}"
    assert output_of(type_).decode(text) == value


people = st.builds(Person, strategies.texts(), st.integers(-(2**63), 2**63 - 1), st.none() | strategies.texts())
trees = st.recursive(
    st.builds(Tree, strategies.texts()), lambda inner: st.builds(Tree, strategies.texts(), st.lists(inner, max_size=3))
)


@given(st.one_of(people.map(lambda one: (Person, one)), trees.map(lambda one: (Tree, one))))
def test_what_is_written_as_json_comes_back(pair: tuple[Any, Any]) -> None:
    type_, value = pair
    assert output_of(type_).decode(msgspec.json.encode(value).decode()) == value
    assert output_of(type_).decode(json.dumps(msgspec.to_builtins(value), indent=2)) == value
    assert output_of(list[type_]).decode(json.dumps({"value": [msgspec.to_builtins(value)]})) == [value]
