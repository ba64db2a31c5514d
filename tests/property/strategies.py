"""Behaviours of a model, as hypothesis strategies.

A *behaviour* is one step of a `ScriptedCompletion`: an answer, whole or in fragments, an error before it or inside of
it, a stream that just ends. They shrink to the empty answer in one piece: fewer fragments, shorter texts, nothing where
something optional may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports import errors
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ToolCallFragment, Usage
from llamabot.ports.messages import (
    AssistantMessage,
    Content,
    DeveloperMessage,
    Image,
    Message,
    SystemMessage,
    Text,
    ToolMessage,
    UserMessage,
)
from llamabot.ports.tools import ToolCall

__all__ = [
    "Behaviour",
    "Fragment",
    "answers",
    "assistant_messages",
    "behaviours",
    "broken_streams",
    "broken_texts",
    "chunks",
    "completions",
    "conversations",
    "costs",
    "fragmentations",
    "images",
    "json_values",
    "messages",
    "port_errors",
    "streams",
    "texts",
    "tool_calls",
    "truncated_streams",
    "usages",
    "user_messages",
    "whole_streams",
]

Fragment: TypeAlias = CompletionChunk | Exception
Behaviour: TypeAlias = str | AssistantMessage | Completion | Exception | Sequence[Fragment]


Texts: TypeAlias = Callable[..., SearchStrategy[str]]
_models = st.none() | st.sampled_from(["gpt-x", "qwen"])
_reasons = st.sampled_from(["the provider says no", "boom", "überlastet"])
_waits = st.none() | st.integers(0, 60).map(float)
# Mapped, for hypothesis would melt alternatives of characters into one alphabet in which the rare ones are rare.
_characters = st.characters(codec="utf-8") | st.sampled_from('😀\u200d\u0301\r\n\x00\u2028\ufeff`"\\').map(str)
_halves_too = _characters | st.sampled_from("\ud83d\ude00").map(str)


def texts(*, min_size: int = 0, max_size: int = 30) -> SearchStrategy[str]:
    """Text that UTF-8 can carry, rich in what breaks programs: emoji, joiners, accents, line ends, NUL, quotes."""
    return st.text(_characters, min_size=min_size, max_size=max_size)


def broken_texts(*, min_size: int = 0, max_size: int = 30) -> SearchStrategy[str]:
    """Text as models send it: as `texts`, and with halves of characters, alone or as a pair."""
    return st.text(_halves_too, min_size=min_size, max_size=max_size)


@cache
def json_values() -> SearchStrategy[Any]:
    """Any JSON value of moderate size; numbers are those that every JSON library reads alike."""
    numbers = st.integers(-(2**53), 2**53) | st.integers(-1000, 1000).map(lambda n: n / 8)
    leaves = st.none() | st.booleans() | numbers | texts(max_size=8)
    names = texts(max_size=6)
    flat = leaves | st.lists(leaves, max_size=3) | st.dictionaries(names, leaves, max_size=3)
    return flat | st.lists(flat, max_size=3) | st.dictionaries(names, flat, max_size=3)


@cache
def usages() -> SearchStrategy[Usage | None]:
    """Counted tokens, or None from a provider that does not count."""
    few = st.integers(0, 1000)
    return st.none() | st.builds(Usage, few, few, few, few)


@cache
def costs() -> SearchStrategy[float | None]:
    """Prices in sixty-fourths of a dollar, so that sums are exact in any order; None where it is unknown."""
    return st.none() | st.integers(0, 64).map(lambda n: n / 64)


@cache
def tool_calls(text: Texts = texts, max_size: int = 3) -> SearchStrategy[tuple[ToolCall, ...]]:
    """Calls of one message, ids unique; their arguments are JSON, or malformed."""
    arguments = st.sampled_from(["{}", '{"city": "Zürich"}', '{"city"', ""]) | text(max_size=12)
    calls = st.lists(st.tuples(st.sampled_from(["search", "respond"]), arguments), max_size=max_size)
    return calls.map(lambda some: tuple(ToolCall(f"call-{index}", *call) for index, call in enumerate(some)))


@cache
def assistant_messages(text: Texts = texts) -> SearchStrategy[AssistantMessage]:
    """What a model says: text, reasoning, calls, opaque data of the provider."""
    return st.builds(
        AssistantMessage,
        text(),
        tool_calls=tool_calls(text),
        reasoning=st.none() | text(),
        provider_data=st.none() | st.dictionaries(texts(max_size=6), json_values(), max_size=2),
    )


@cache
def completions(text: Texts = texts) -> SearchStrategy[Completion]:
    """Whole answers with every reason to end, with and without usage, price and model's name."""
    return st.builds(Completion, assistant_messages(text), st.sampled_from(FinishReason), usages(), costs(), _models)


@st.composite
def fragmentations(draw: DrawFn, text: str) -> list[str]:
    """A split of a text into pieces, which shrinks to the text in one piece.

    Joined as UTF-16 they are the text: a character beyond U+FFFF may be cut in its halves, which then lie in one piece
    or in two.
    """
    units = _halves(text) if draw(st.booleans()) else list(text)
    cuts = sorted(draw(st.sets(st.integers(1, len(units) - 1), max_size=6))) if len(units) > 1 else []
    return ["".join(units[start:end]) for start, end in zip([0, *cuts], [*cuts, len(units)], strict=True)]


@st.composite
def streams(draw: DrawFn, completion: Completion) -> list[CompletionChunk]:
    """A stream whose whole is this completion: any split, text, reasoning and calls interleaved in any order.

    A stream cannot tell an empty reasoning, or empty data of the provider, from none.
    """
    lanes = [lane for lane in _lanes(draw, completion) if lane]
    chunks: list[CompletionChunk] = []
    while lanes:
        lane = lanes[draw(st.integers(0, len(lanes) - 1))]
        chunks.append(lane.pop(0))
        lanes = [lane for lane in lanes if lane]
    return [*chunks, *draw(_endings(completion))]


@cache
def chunks(text: Texts = texts) -> SearchStrategy[CompletionChunk]:
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
    return st.lists(chunks(text), max_size=6)


@cache
def broken_streams(text: Texts = texts) -> SearchStrategy[list[Fragment]]:
    """A stream in which an error is raised, before the first fragment or after any."""
    return st.builds(lambda before, error: [*before, error], truncated_streams(text), port_errors())


@cache
def whole_streams(text: Texts = texts) -> SearchStrategy[list[CompletionChunk]]:
    """A stream that says why it ended, of an answer that nobody has chosen."""
    endings = st.builds(
        Completion, st.just(AssistantMessage()), st.sampled_from(FinishReason), usages(), costs(), _models
    )
    return st.builds(lambda before, end: [*before, *end], truncated_streams(text), endings.flatmap(_endings))


@cache
def port_errors() -> SearchStrategy[errors.CompletionError]:
    """An error of a completion port, of any kind."""
    return st.builds(_error, st.sampled_from(_ERRORS), _reasons, st.none() | st.sampled_from([401, 429, 500]), _waits)


@cache
def answers(text: Texts = texts) -> SearchStrategy[Behaviour]:
    """Answers that are no failure: text, a message, a completion, a stream that finishes."""
    return text() | assistant_messages(text) | completions(text) | whole_streams(text)


@cache
def behaviours(text: Texts = texts) -> SearchStrategy[Behaviour]:
    """All that a model may do to one request."""
    return answers(text) | port_errors() | truncated_streams(text) | broken_streams(text)


@cache
def images() -> SearchStrategy[Image]:
    """Pictures, as bytes or as an address."""
    data = st.builds(Image, st.binary(max_size=64), st.sampled_from(["image/png", "image/webp"]))
    return data | st.sampled_from(["https://example.org/a.png", "b.png"]).map(lambda url: Image(url=url))


@cache
def user_messages(long: int = 0) -> SearchStrategy[UserMessage]:
    """What a user says; with `long`, sometimes a text of that many characters."""
    return st.builds(UserMessage, _contents(long))


@cache
def messages(long: int = 0) -> SearchStrategy[Message]:
    """Messages of every role; with `long`, sometimes a text of that many characters."""
    contents = _contents(long)
    return (
        st.builds(UserMessage, contents)
        | st.builds(SystemMessage, contents)
        | st.builds(DeveloperMessage, contents)
        | assistant_messages()
        | st.builds(ToolMessage, contents, call_id=st.sampled_from(["call-0", "call-1"]), is_error=st.booleans())
    )


@cache
def conversations(long: int = 0, max_size: int = 4) -> SearchStrategy[list[Message]]:
    """Messages of any roles in any order, orphaned results of tools among them."""
    return st.lists(messages(long), max_size=max_size)


@cache
def _contents(long: int) -> SearchStrategy[Content]:
    parts = st.lists(st.builds(Text, texts()) | images(), max_size=3).map(tuple)
    lengthened = texts(min_size=1, max_size=3).map(lambda text: (text * long)[:long])
    return texts() | parts | lengthened if long else texts() | parts


def _error(kind: Any, message: str, status_code: int | None, retry_after_s: float | None) -> errors.CompletionError:
    error: errors.CompletionError = kind(message)
    error.status_code = status_code
    if isinstance(error, errors.RateLimited):
        error.retry_after_s = retry_after_s
    return error


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


@st.composite
def _endings(draw: DrawFn, completion: Completion) -> list[CompletionChunk]:
    """The end: all in one chunk, or the reason first and usage, price and model's name after it."""
    reason = CompletionChunk(finish_reason=completion.finish_reason)
    rest = CompletionChunk(usage=completion.usage, cost_usd=completion.cost_usd, model=completion.model)
    together = CompletionChunk(
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        model=completion.model,
    )
    return draw(st.sampled_from([[together], [reason, rest], [rest, reason]]))


_ERRORS = (
    errors.ProviderUnavailable,
    errors.AuthenticationFailed,
    errors.BadCompletion,
    errors.CompletionTimeout,
    errors.ContentRefused,
    errors.ContextTooLong,
    errors.RateLimited,
    errors.RequestRejected,
)
