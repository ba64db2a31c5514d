"""Messages and their parts, of every role, by themselves; for whole transcripts see `transcript`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.ports.messages import (
    AssistantMessage,
    Content,
    DeveloperMessage,
    Image,
    Message,
    Part,
    SystemMessage,
    Text,
    ToolMessage,
    UserMessage,
)
from llamabot.ports.tools import ToolCall
from llamabot.testing.strategies.value import json_values, texts

__all__ = [
    "Texts",
    "assistant_messages",
    "conversations",
    "images",
    "messages",
    "parts",
    "tool_calls",
    "user_messages",
]

Texts: TypeAlias = Callable[..., SearchStrategy[str]]
"""A strategy for text, as it is called: `texts` or `broken_texts`."""


@cache
def images() -> SearchStrategy[Image]:
    """Pictures, as bytes or as an address."""
    data = st.builds(Image, st.binary(max_size=64), st.sampled_from(["image/png", "image/webp"]))
    return data | st.sampled_from(["https://example.org/a.png", "b.png"]).map(lambda url: Image(url=url))


@cache
def parts() -> SearchStrategy[Part]:
    """Parts of a message: text, pictures."""
    return st.builds(Text, texts()) | images()


@cache
def tool_calls(text: Texts = texts, max_size: int = 3) -> SearchStrategy[tuple[ToolCall, ...]]:
    """Calls of one message, of tools that nobody has; ids unique; their arguments are JSON, or malformed."""
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
    """Messages of any roles in any order, orphaned results of tools among them: what a memory must give back."""
    return st.lists(messages(long), max_size=max_size)


@cache
def _contents(long: int) -> SearchStrategy[Content]:
    several = st.lists(parts(), max_size=3).map(tuple)
    lengthened = texts(min_size=1, max_size=3).map(lambda text: (text * long)[:long])
    return texts() | several | lengthened if long else texts() | several
