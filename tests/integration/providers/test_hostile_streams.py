"""Whatever way a provider cuts its stream, the answer is the same, in both colours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.ways import asking
from tests.servers.chat import DONE, ChatServer, delta, finish, usage_event
from tests.servers.replies import Stream

from llamabot.ports.assembly import assemble, mend_text
from llamabot.ports.completion import Completion, FinishReason, Usage
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall
from llamabot.testing.contracts.answers import fragments_of
from llamabot.testing.contracts.async_completion import acollected

pytestmark = pytest.mark.loopback

Ask = Callable[[Port], Completion]
COLOURS: dict[str, Ask] = {
    "stream": lambda port: assemble(port.stream(asking())),
    "astream": lambda port: asyncio.run(acollected(port, asking())),
}

# Halves of characters too: JSON can write them, and a fragment may end between the two.
texts = st.text(st.characters(exclude_characters="<>"), max_size=40) | st.sampled_from(
    ["😀", "a😀b👍🏽", "\ud83d", "\ude00x"]
)
cuts = st.lists(st.integers(0, 2000), max_size=8)


def utf16_fragments(text: str, where: Sequence[int]) -> list[str]:
    """Return the text cut between UTF-16 units, as a provider does that counts in them."""
    units = text.encode("utf-16-le", "surrogatepass")
    halves = "".join(chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2))
    return fragments_of(halves, where)


@st.composite
def framings(draw: st.DrawFn) -> Callable[[Sequence[dict[str, Any]]], list[bytes]]:
    """Return a way to put chunks into packets: line ends, comments, spaces, several in a packet, cut anywhere."""
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    space = draw(st.sampled_from(["", " "]))
    comments = draw(st.lists(st.integers(0, 20), max_size=3))
    where = draw(cuts)

    def framed(chunks: Sequence[dict[str, Any]]) -> list[bytes]:
        written = b""
        for number, chunk in enumerate(chunks):
            if number in comments:
                written += f": keep-alive {number}{line_end}{line_end}".encode()
            written += f"data:{space}{json.dumps(chunk)}{line_end}{line_end}".encode()
        written += DONE.replace(b"\n", line_end.encode())
        places = sorted({cut % (len(written) + 1) for cut in where})
        return [
            written[start:end] for start, end in zip([0, *places], [*places, len(written)], strict=True) if end > start
        ]

    return framed


@st.composite
def calls(draw: st.DrawFn) -> tuple[tuple[ToolCall, ...], list[dict[str, Any]]]:
    """Return calls and the chunks that bring them: mixed, with ids once or always, with null where nothing is."""
    wanted = tuple(ToolCall(f"call_{index}", f"tool_{index}", draw(texts)) for index in range(draw(st.integers(1, 3))))
    always = draw(st.booleans())
    chunks = []
    for index, one in enumerate(wanted):
        opening = {"index": index, "id": one.id, "type": "function", "function": {"name": one.name, "arguments": None}}
        chunks.append((index, delta(role="assistant", tool_calls=[opening])))
        for piece in utf16_fragments(one.arguments, draw(cuts)):
            more: dict[str, Any] = {"index": index, "function": {"arguments": piece}}
            chunks.append((index, delta(tool_calls=[{**more, "id": one.id} if always else more])))
    mixed = draw(st.permutations(chunks))
    in_order = {index: iter([chunk for owner, chunk in chunks if owner == index]) for index in range(len(wanted))}
    return wanted, [next(in_order[index]) for index, _ in mixed]


def check(make: Make, server: ChatServer, ask: Ask, packets: list[bytes], expected: Completion) -> None:
    server.script(Stream(packets))
    port = make({"api_base": server.api_base, "api_key": "sk-test"})
    got = ask(port)
    assert (got.message, got.finish_reason, got.usage) == (expected.message, expected.finish_reason, expected.usage)


@pytest.mark.parametrize("ask", COLOURS.values(), ids=COLOURS)
def test_gives_the_text_whatever_way_it_is_cut(make: Make, server: ChatServer, ask: Ask) -> None:
    @settings(max_examples=40, deadline=None)
    @given(texts, texts, cuts, framings(), st.booleans())
    def gives_the_text(text: str, reasoning: str, where: list[int], framed: Any, repeated: bool) -> None:
        role = {"role": "assistant"} if repeated else {}
        chunks = [delta(role="assistant", content="")]
        chunks += [delta(reasoning_content=piece, **role) for piece in utf16_fragments(reasoning, where)]
        chunks += [delta(content=piece, **role) for piece in utf16_fragments(text, where)]
        message = AssistantMessage(mend_text(text), reasoning=mend_text(reasoning) or None)
        expected = Completion(message, FinishReason.STOP, Usage(7, 3))
        check(make, server, ask, framed([*chunks, finish(), usage_event()]), expected)

    gives_the_text()


@pytest.mark.parametrize("ask", COLOURS.values(), ids=COLOURS)
def test_gives_parallel_calls_whatever_way_they_are_mixed(make: Make, server: ChatServer, ask: Ask) -> None:
    @settings(max_examples=40, deadline=None)
    @given(calls(), framings())
    def gives_the_calls(said: tuple[tuple[ToolCall, ...], list[dict[str, Any]]], framed: Any) -> None:
        wanted, chunks = said
        mended = tuple(ToolCall(one.id, one.name, mend_text(one.arguments)) for one in wanted)
        expected = Completion(AssistantMessage(tool_calls=mended), FinishReason.TOOL_CALLS, None)
        check(make, server, ask, framed([*chunks, finish("tool_calls")]), expected)

    gives_the_calls()


@pytest.mark.parametrize("ask", COLOURS.values(), ids=COLOURS)
@pytest.mark.parametrize("reason", ["stop", "length"])
def test_takes_a_reason_in_the_last_piece_of_text(make: Make, server: ChatServer, ask: Ask, reason: str) -> None:
    chunks = [delta(content="al"), delta(content="most", finish_reason=reason), usage_event()]
    packets = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    check(
        make, server, ask, [*packets, DONE], Completion(AssistantMessage("almost"), FinishReason(reason), Usage(7, 3))
    )


@pytest.mark.parametrize("ask", COLOURS.values(), ids=COLOURS)
def test_takes_usage_in_the_chunk_that_ends_the_answer(make: Make, server: ChatServer, ask: Ask) -> None:
    chunks = [delta(content="all"), {**finish(), "usage": usage_event()["usage"]}]
    packets = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    check(make, server, ask, [*packets, DONE], Completion(AssistantMessage("all"), FinishReason.STOP, Usage(7, 3)))


@pytest.mark.parametrize("ask", COLOURS.values(), ids=COLOURS)
def test_passes_over_chunks_without_choices(make: Make, server: ChatServer, ask: Ask) -> None:
    filtered = {**delta(), "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    chunks = [filtered, delta(role="assistant", content=None), delta(content="all"), finish()]
    packets = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    check(make, server, ask, [*packets, DONE], Completion(AssistantMessage("all"), FinishReason.STOP))
