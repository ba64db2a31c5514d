"""A stream of the chat-completions wire is the same answer whatever way it is cut, and nothing in it is a crash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.laws import pieces
from tests.servers.chat import DONE, call, delta, event, finish, usage_event

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, Usage
from llamabot.ports.errors import PortError
from llamabot.ports.tools import ToolCall
from llamabot.protocols.chat_completions import ProviderFailed, StreamReading, completion_in

# Anything at all in the places where a provider writes something.
_anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_names = st.sampled_from(
    ["content", "refusal", "reasoning", "reasoning_content", "role", "thinking_blocks", "tool_calls", "x_own"]
)
_call = st.dictionaries(st.sampled_from(["id", "index", "type", "function", "x_own"]), _anything, max_size=4)
_deltas = st.dictionaries(_names, _anything | st.lists(_call, max_size=2), max_size=4)
_envelopes = st.dictionaries(st.sampled_from(["choices", "usage", "model", "error", "id"]), _anything, max_size=3)
_chunks = _envelopes | _deltas.map(lambda fields: delta(**fields))


def chunks_of(reading: StreamReading, parts: Sequence[bytes]) -> list[CompletionChunk]:
    return [chunk for piece in parts for chunk in reading.feed(piece)] + list(reading.end())


CALLS = [
    delta(role="assistant", content="so", x_own={"marks": [1]}),
    delta(role="assistant", tool_calls=[call("look", None, "c1", index=0, extra={"sign": 1})]),
    delta(tool_calls=[call("nap", "[", "c2", index=1), {"index": 0, "function": {"arguments": '{"é'}}]),
    delta(tool_calls=[{"index": 1, "function": {"arguments": "]"}}, {"index": 0, "function": {"arguments": '": 1}'}}]),
    finish("tool_calls"),
    usage_event(),
]
STREAM = (
    b": hi\n\ndata:\n\n" + b"".join(map(event, CALLS)).replace(b"\\u00e9", "é".encode()) + DONE.replace(b"]", b"] ")
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_gives_the_same_answer_for_any_cut(where: list[int]) -> None:
    answer = assemble(chunks_of(StreamReading(), pieces(STREAM, where)))
    assert answer.message.tool_calls == (ToolCall("c1", "look", '{"é": 1}'), ToolCall("c2", "nap", "[]"))
    assert answer.message.provider_data == {"x_own": {"marks": [1]}, "tool_calls": [{"extra": {"sign": 1}}, {}]}
    assert (answer.finish_reason, answer.usage) == (FinishReason.TOOL_CALLS, Usage(7, 3))


@given(st.lists(_chunks, max_size=5), st.binary(max_size=30))
def test_never_crashes(chunks: list[Any], noise: bytes) -> None:
    written = b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks)
    for data in (written + DONE, written + noise, noise + written):
        read_or_refused(StreamReading(), data)


def read_or_refused(reading: StreamReading, data: bytes) -> None:
    """Read what is no stream: an answer, or one of the errors that it may end in."""
    with suppress(PortError, ProviderFailed):
        assert isinstance(assemble(chunks_of(reading, [data])), Completion)


@given(_anything | _chunks, st.binary(max_size=30))
def test_whole_answers_never_crash(body: Any, noise: bytes) -> None:
    for data in (json.dumps(body).encode(), noise):
        with suppress(PortError, ProviderFailed):
            assert isinstance(completion_in(data), Completion)


def test_an_index_beyond_all_bounds_takes_no_memory() -> None:
    """Calls are counted, not numbered."""
    wild = delta(tool_calls=[call("look", "{}", "c1", index=10**15, extra={"sign": 1})])
    answer = assemble(chunks_of(StreamReading(), [event(wild), event(finish("tool_calls"))]))
    assert answer.message.provider_data == {"tool_calls": [{"extra": {"sign": 1}}]}


def test_tells_calls_without_numbers_apart_by_their_ids() -> None:
    def piece(id_: str, arguments: str, name: str | None = None) -> dict[str, Any]:
        return {"id": id_, "function": {"name": name, "arguments": arguments}}

    opened = delta(tool_calls=[piece("c1", "{", "look"), piece("c2", "[", "nap")])
    ended = delta(tool_calls=[piece("c1", "}"), piece("c2", "]")])
    answer = assemble(chunks_of(StreamReading(), [event(opened), event(ended), event(finish())]))
    assert answer.message.tool_calls == (ToolCall("c1", "look", "{}"), ToolCall("c2", "nap", "[]"))


def test_reads_the_first_of_several_answers_wherever_it_stands() -> None:
    both = {**delta(), "choices": [*delta(index=1, content="x")["choices"], *delta(content="fine")["choices"]]}
    reading = StreamReading(several=True)
    answer = assemble(chunks_of(reading, [event(both), event(delta(index=1, content="x")), event(finish())]))
    assert answer.message.text == "fine"
