"""Answers in fragments: those of a given answer, those of none, and those that break off.

They shrink to fewer fragments and shorter texts, with nothing where something optional may be missing.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ToolCallFragment
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall
from llamabot.testing.strategies.drawing import drawn
from llamabot.testing.strategies.error import port_errors
from llamabot.testing.strategies.message import Texts
from llamabot.testing.strategies.value import costs, json_values, model_names, texts, usages

__all__ = [
    "Fragment",
    "broken_streams",
    "completion_chunks",
    "fragmentations",
    "streams",
    "truncated_streams",
    "whole_streams",
]

Fragment: TypeAlias = CompletionChunk | Exception


def fragmentations(text: str) -> SearchStrategy[list[str]]:
    """A split of a text into pieces, which shrinks to the text in one piece.

    Joined as UTF-16 they are the text: a character beyond U+FFFF may be cut in its halves, which then lie in one piece
    or in two.
    """
    return drawn(_fragmentation, text)


def _fragmentation(draw: DrawFn, text: str) -> list[str]:
    units = _halves(text) if draw(st.booleans()) else list(text)
    cuts = sorted(draw(st.sets(st.integers(1, len(units) - 1), max_size=6))) if len(units) > 1 else []
    return ["".join(units[start:end]) for start, end in zip([0, *cuts], [*cuts, len(units)], strict=True)]


def streams(completion: Completion) -> SearchStrategy[list[CompletionChunk]]:
    """A stream whose whole is this completion: any split, text, reasoning and calls interleaved in any order.

    A stream cannot tell an empty reasoning, or empty data of the provider, from none.
    """
    return drawn(_stream, completion)


def _stream(draw: DrawFn, completion: Completion) -> list[CompletionChunk]:
    lanes = [lane for lane in _lanes(draw, completion) if lane]
    chunks: list[CompletionChunk] = []
    while lanes:
        lane = lanes[draw(st.integers(0, len(lanes) - 1))]
        chunks.append(lane.pop(0))
        lanes = [lane for lane in lanes if lane]
    return [*chunks, *draw(_endings(completion))]


@cache
def completion_chunks(text: Texts = texts) -> SearchStrategy[CompletionChunk]:
    """One fragment: of the text, of the reasoning, of a call, or with data of the provider."""
    index = st.integers(0, 2)
    call = st.builds(lambda at, piece: ToolCallFragment(at, f"call-{at}", "search", piece), index, text(max_size=6))
    return st.one_of(
        st.builds(CompletionChunk, text(max_size=8)),
        st.builds(CompletionChunk, reasoning=text(max_size=8)),
        st.builds(CompletionChunk, tool_calls=st.tuples(call)),
        st.builds(CompletionChunk, provider_data=st.dictionaries(texts(max_size=4), json_values(), max_size=1)),
    )


@cache
def truncated_streams(text: Texts = texts) -> SearchStrategy[list[CompletionChunk]]:
    """A stream that ends without a finish reason."""
    return st.lists(completion_chunks(text), max_size=6)


@cache
def broken_streams(text: Texts = texts) -> SearchStrategy[list[Fragment]]:
    """A stream in which an error is raised, before the first fragment or after any."""
    return st.builds(lambda before, error: [*before, error], truncated_streams(text), port_errors())


@cache
def whole_streams(text: Texts = texts) -> SearchStrategy[list[CompletionChunk]]:
    """A stream that says why it ended, of an answer that nobody has chosen."""
    endings = st.builds(
        Completion, st.just(AssistantMessage()), st.sampled_from(FinishReason), usages(), costs(), model_names()
    )
    return st.builds(lambda before, end: [*before, *end], truncated_streams(text), endings.flatmap(_endings))


def _halves(text: str) -> list[str]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(data), 2)]


def _lanes(draw: DrawFn, completion: Completion) -> list[list[CompletionChunk]]:
    """Return the fragments of text, of reasoning, of provider data and of each call, each lane in its own order."""
    message = completion.message
    return [
        [CompletionChunk(text=piece) for piece in draw(fragmentations(message.text))],
        [CompletionChunk(reasoning=piece) for piece in draw(fragmentations(message.reasoning or ""))],
        [CompletionChunk(provider_data={name: value}) for name, value in (message.provider_data or {}).items()],
        *(
            [CompletionChunk(tool_calls=(fragment,)) for fragment in _call_fragments(draw, index, call)]
            for index, call in enumerate(message.tool_calls)
        ),
    ]


def _call_fragments(draw: DrawFn, index: int, call: ToolCall) -> list[ToolCallFragment]:
    first, *others = draw(fragmentations(call.arguments))
    repeated = call.id if draw(st.booleans()) else ""
    return [
        ToolCallFragment(index, call.id, call.name, first),
        *(ToolCallFragment(index, repeated, "", piece) for piece in others),
    ]


def _endings(completion: Completion) -> SearchStrategy[list[CompletionChunk]]:
    """The end: all in one chunk, or the reason first and usage, price and model's name after it."""
    reason = CompletionChunk(finish_reason=completion.finish_reason)
    rest = CompletionChunk(usage=completion.usage, cost_usd=completion.cost_usd, model=completion.model)
    together = CompletionChunk(
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        model=completion.model,
    )
    return st.sampled_from([[together], [reason, rest], [rest, reason]])
