"""What the two contracts of completion ports share: requests, answers in fragments, and checks of what comes back."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports import errors
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import (
    Completion,
    CompletionChunk,
    CompletionRequest,
    FinishReason,
    ToolCallFragment,
    Usage,
)
from llamabot.ports.messages import AssistantMessage, SystemMessage, UserMessage
from llamabot.ports.secrets import split_secrets
from llamabot.testing.contracts.contract import Contract, not_made, not_proven
from llamabot.testing.strategies.drawing import drawn

__all__ = [
    "FAILURES",
    "KEYS",
    "AnyCompletionContract",
    "check_completion",
    "check_cost",
    "check_error_of_ours",
    "check_failure",
    "check_no_key",
    "check_partial",
    "check_same",
    "fragments_of",
    "said",
    "without_its_end",
]

FAILURES: Mapping[int, type[errors.CompletionError]] = {
    400: errors.RequestRejected,
    401: errors.AuthenticationFailed,
    429: errors.RateLimited,
    500: errors.ProviderUnavailable,
    503: errors.ProviderUnavailable,
}


_KEY = "sk-wheat-7-barley-4711"  # nobody's
_, KEYS = split_secrets({"api_key": _KEY})

_HOOKS = {
    "scripting": ("make_saying", "what any answer comes to"),
    "failing": ("make_failing", "what failures are raised as"),
    "counting": ("requests_made", "how often it asks"),
    "sending": ("sent", "what is sent"),
    "live": ("make_live", "that fragments are passed on as they come"),
}
"""What is proven by each hook, by its flag."""


class AnyCompletionContract(Contract):
    """The hooks of both contracts of completions.

    Attributes:
        model: the name to put into requests; "" where the adapter has a model of its own.
    """

    model: ClassVar[str] = ""
    capabilities: ClassVar = {
        "streaming": "the answer in fragments",
        "repeatable": "the same request twice has the same answer",
        "scripting": "`make_saying` is overridden",
        "failing": "`make_failing` is overridden",
        "counting": "`requests_made` is overridden",
        "sending": "`sent` is overridden",
        "live": "`make_live` is overridden",
        "system": "the vendor takes instructions in another way than what the user says",
        "reasoning": "the vendor shows the model's reasoning",
        "tools": "the vendor's models can ask for tools",
        "call_ids": "the vendor tells calls of tools apart by their ids",
        "images": "the vendor's models can be shown pictures",
        "settings": "the vendor takes a temperature, a most of tokens, a schema and options of its own",
        "usage": "the vendor counts tokens",
        "reasons": "the vendor says too that a filter, or something else of its own, has ended an answer",
    }

    @classmethod
    def left_out(cls) -> Mapping[str, str]:
        """Return the capabilities that are not tried, each with the reason."""
        base = AnyCompletionContract
        plain = {flag: hook for flag, hook in _HOOKS.items() if getattr(cls, hook[0]) is getattr(base, hook[0])}
        return {**{flag: not_proven(*hook) for flag, hook in plain.items()}, **cls.not_supported}

    def make(self) -> Any:
        """Return a port, ready to answer `self.request(…)` again and again."""
        raise not_made(self)

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        """Return a port whose vendor sends these chunks, in its own words, or what they add up to: `assemble(chunks)`.

        It does so for each of two requests.

        Override it where the vendor's server, or its client, can be stood in for: a loopback server, a stub.
        """
        raise NotImplementedError

    def make_failing(self, status: int) -> Any:
        """Return a port whose vendor answers each request with this HTTP status, or what it raises for it."""
        raise NotImplementedError

    def requests_made(self, port: Any) -> int:
        """Return how many requests the vendor has had through this port."""
        raise NotImplementedError

    def sent(self, port: Any) -> Any:
        """Return what the vendor was sent last through this port, as it is: the JSON of the body, read or not.

        A stub that gets values may return those: a dict, a list, the `CompletionRequest` itself.
        """
        raise NotImplementedError

    def make_live(self, chunks: Iterator[CompletionChunk]) -> Any:
        """Return a port whose vendor sends each of these chunks as soon as it is there, and then takes the next one.

        They are there one at a time, for one stream: the next one comes when the port has passed the one before on.
        """
        raise NotImplementedError

    def request(self, text: str = "Say hello.", **changes: Any) -> CompletionRequest:
        """Return a short request; override it if the model needs another."""
        messages = (SystemMessage("You are brief."), UserMessage(text))
        return CompletionRequest(self.model, messages, **{"temperature": 0.0, "max_tokens": 12, **changes})

    def answers(self) -> SearchStrategy[tuple[CompletionChunk, ...]]:
        """Return a strategy for what the vendor says, in chunks, of all that the adapter supports."""
        return said(*(self.supports(flag) for flag in ("reasoning", "tools", "usage")))


def fragments_of(text: str, cuts: Sequence[int]) -> list[str]:
    """Return the text in pieces, cut where the numbers say."""
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


# What models say: every kind of character but halves of one. Brackets are left out, for servers read marks in them.
# Some end in white space, or in an accent that is a character of its own: an adapter neither trims nor normalises.
_texts = st.builds(
    str.__add__,
    st.text(st.characters(codec="utf-8", exclude_characters="<>"), max_size=60),
    st.sampled_from(("", "", "\n ", "e\u0301")),
)
_how_many = st.sampled_from((0, 3, 0, 1, 2))
_names = st.permutations(("tool_b", "tool_a", "tool_c"))
_ids = st.permutations(("call_1", "call_0", "toolu_9Xz"))
_cuts = st.lists(st.integers(0, 60), max_size=6)
_reasons = st.sampled_from([FinishReason.STOP, FinishReason.LENGTH, FinishReason.LENGTH])
_usages = st.none() | st.builds(
    Usage,
    prompt_tokens=st.integers(1, 999),
    completion_tokens=st.integers(0, 999),
    cached_tokens=st.integers(0, 9),
    reasoning_tokens=st.integers(0, 9),
)
_arguments = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), _texts, max_size=3).map(
    lambda value: msgspec.json.encode(value).decode()
)


def said(reasoning: bool = True, tools: bool = True, usage: bool = True) -> SearchStrategy[tuple[CompletionChunk, ...]]:
    """Answers in chunks: reasoning, then text, then calls whose pieces come mixed, why it ended, tokens."""
    return drawn(_said, reasoning, tools, usage)


def _said(draw: DrawFn, reasoning: bool, tools: bool, usage: bool) -> tuple[CompletionChunk, ...]:
    thought = draw(_texts) if reasoning else ""
    chunks = [CompletionChunk(reasoning=piece) for piece in fragments_of(thought, draw(_cuts)) if piece]
    chunks += [CompletionChunk(text=piece) for piece in fragments_of(draw(_texts), draw(_cuts)) if piece]
    calls = [draw(_arguments) for _ in range(draw(_how_many))] if tools else []
    chunks += _calls(draw, calls)
    if draw(st.booleans()):  # vendors send fragments with nothing in them
        chunks.insert(draw(st.integers(0, len(chunks))), CompletionChunk())
    reason = FinishReason.TOOL_CALLS if calls else draw(_reasons)
    ends_with_its_text = bool(chunks and chunks[-1].text) and draw(st.booleans())
    last = chunks.pop() if ends_with_its_text else CompletionChunk()
    chunks.append(msgspec.structs.replace(last, finish_reason=reason))
    return (*chunks, *_counted(draw(_usages) if usage else None, draw(st.booleans())))


def _counted(usage: Usage | None, counts_on: bool) -> list[CompletionChunk]:
    """Return the chunks that tell the tokens: once, or as they become more, of which the last is the sum."""
    if usage is None:
        return []
    sums = [Usage(usage.prompt_tokens, min(1, usage.completion_tokens)), usage] if counts_on else [usage]
    return [CompletionChunk(usage=one) for one in sums]


def _calls(draw: DrawFn, calls: list[str]) -> list[CompletionChunk]:
    named = zip(draw(_ids), draw(_names), strict=True)
    heads = [
        CompletionChunk(tool_calls=(ToolCallFragment(index, id_, name),))
        for index, (id_, name) in enumerate(named)
        if index < len(calls)
    ]
    pieces = [(index, piece) for index, call in enumerate(calls) for piece in fragments_of(call, draw(_cuts)) if piece]
    order = draw(st.permutations(range(len(calls))))
    pieces.sort(key=lambda piece: order[piece[0]])
    return heads + [CompletionChunk(tool_calls=(ToolCallFragment(index, arguments=piece),)) for index, piece in pieces]


def without_its_end(chunks: Sequence[CompletionChunk]) -> list[CompletionChunk]:
    """Return a stream up to where it would say why it ended."""
    return [chunk for chunk in chunks if not (chunk.finish_reason or chunk.usage)]


def check_completion(completion: Completion) -> None:
    """Check that a completion is made as the port says, and can be stored."""
    assert isinstance(completion, Completion)
    assert isinstance(completion.message, AssistantMessage)
    assert isinstance(completion.finish_reason, FinishReason)
    assert completion.usage is None or completion.usage.total_tokens > 0
    assert completion.cost_usd is None or completion.cost_usd >= 0
    assert msgspec.json.decode(msgspec.json.encode(completion), type=Completion) == completion


def check_cost(port: Any, request: CompletionRequest, completion: Completion) -> None:
    """Check that an answer has a cost only where its price is known."""
    priced = port.capabilities(request.model).priced
    assert completion.cost_usd is None or priced, f"the price is not known, and the answer cost {completion.cost_usd}"


def check_same(got: Completion, sent: Completion) -> None:
    """Check that a port gave what its vendor sent; the price and the model's name are the adapter's to add."""
    assert (got.message, got.finish_reason, got.usage) == (sent.message, sent.finish_reason, sent.usage)
    check_completion(got)


def check_partial(error: errors.StreamTruncated, chunks: Sequence[CompletionChunk]) -> None:
    """Check that an error holds all that had arrived, through pickling too."""
    ended = CompletionChunk(finish_reason=FinishReason.STOP)
    assert error.partial == assemble([*chunks, ended]).message
    assert pickle.loads(pickle.dumps(error)).partial == error.partial  # noqa: S301 - it was pickled a moment ago


def check_error_of_ours(ask: Callable[[], Completion]) -> None:
    """Check that a request either succeeds or fails with an error of the published tree."""
    raised = None
    try:
        check_completion(ask())
    except errors.LlamabotError as error:
        raised = error
    assert repr(pickle.loads(pickle.dumps(raised))) == repr(raised)  # noqa: S301 - it was pickled a moment ago


def check_failure(ask: Callable[[], Completion], status: int) -> None:
    """Check that a failure of the vendor is raised as ours, of the kind that its status says."""
    given, raised = None, None
    try:
        given = ask()
    except errors.CompletionError as error:
        raised = error
    kind = FAILURES[status]
    assert raised is not None, f"HTTP {status} was no error: {given!r}"
    assert type(raised) is kind, f"HTTP {status} is {kind.__name__}, not {raised!r}"
    assert raised.status_code == status


def check_no_key(*shown: object) -> None:
    """Check that the key of `KEYS` is not in what is printed."""
    told = [f"{one} {one!r}" for one in shown]
    assert not [one for one in told if _KEY in one], "the key is shown"
