"""Replies: all that a model may do to one request, whatever it was asked.

A *reply* is one step of a `ScriptedCompletion`: an answer, whole or in fragments, an error before it or inside of it, a
stream that just ends. It shrinks to the empty answer in one piece. Replies do not look at the request; for those that
do, see `model`.
"""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.adapters.fake.completion import Reply
from llamabot.ports.completion import Completion, FinishReason
from llamabot.testing.strategies.error import port_errors
from llamabot.testing.strategies.message import Texts, assistant_messages
from llamabot.testing.strategies.stream import broken_streams, truncated_streams, whole_streams
from llamabot.testing.strategies.value import costs, model_names, texts, usages

__all__ = ["Reply", "answers", "completions", "replies"]


@cache
def completions(text: Texts = texts) -> SearchStrategy[Completion]:
    """Whole answers with every reason to end, with and without usage, price and model's name."""
    return st.builds(
        Completion, assistant_messages(text), st.sampled_from(FinishReason), usages(), costs(), model_names()
    )


@cache
def answers(text: Texts = texts) -> SearchStrategy[Reply]:
    """Answers that are no failure: text, a message, a completion, a stream that finishes."""
    return text() | assistant_messages(text) | completions(text) | whole_streams(text)


@cache
def replies(text: Texts = texts) -> SearchStrategy[Reply]:
    """All that a model may do to one request."""
    return answers(text) | port_errors() | truncated_streams(text) | broken_streams(text)
