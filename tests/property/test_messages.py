"""Messages go out as JSON and come back the same."""

from __future__ import annotations

import json

from hypothesis import given

import llamabot as lmb
from llamabot.domain.messages import to_messages
from llamabot.testing import strategies


@given(strategies.messages(long=50))
def test_a_message_comes_back_from_json_as_it_was(message: lmb.Message) -> None:
    written = lmb.to_json(message)
    assert lmb.from_json(written) == message
    assert lmb.from_json(written.encode()) == message
    assert json.loads(written)["role"] == type(message).__name__.removesuffix("Message").lower()


@given(strategies.conversations(), strategies.texts())
def test_messages_given_to_a_bot_are_sent_as_they_are(said: list[lmb.Message], text: str) -> None:
    assert to_messages(said, text) == (*said, lmb.UserMessage(text))
