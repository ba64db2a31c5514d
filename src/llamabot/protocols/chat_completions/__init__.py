"""The chat-completions wire, which OpenAI's servers speak and most others have learnt: requests, answers, streams."""

from llamabot.protocols.chat_completions.answers import completion_in
from llamabot.protocols.chat_completions.fields import ProviderFailed, finish_reason, merged
from llamabot.protocols.chat_completions.reading import StreamReading
from llamabot.protocols.chat_completions.requests import (
    CALL_FIELDS,
    encoded,
    refuse_wrong_options,
    request_fields,
    wire_message,
)

__all__ = [
    "CALL_FIELDS",
    "ProviderFailed",
    "StreamReading",
    "completion_in",
    "encoded",
    "finish_reason",
    "merged",
    "refuse_wrong_options",
    "request_fields",
    "wire_message",
]
