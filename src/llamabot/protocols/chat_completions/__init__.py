"""The chat-completions wire, which OpenAI's servers speak and most others have learnt: requests, answers, streams."""

from llamabot.protocols.chat_completions.answers import completion_in
from llamabot.protocols.chat_completions.fields import ProviderFailed, finish_reason, merged
from llamabot.protocols.chat_completions.reading import StreamReading
from llamabot.protocols.chat_completions.requests import (
    CALL_FIELDS,
    OUTPUT_SCHEMA,
    encoded,
    refuse_of_a_request,
    refuse_wrong_options,
    request_fields,
    takes_output_schema,
    wire_message,
)

__all__ = [
    "CALL_FIELDS",
    "OUTPUT_SCHEMA",
    "ProviderFailed",
    "StreamReading",
    "completion_in",
    "encoded",
    "finish_reason",
    "merged",
    "refuse_of_a_request",
    "refuse_wrong_options",
    "request_fields",
    "takes_output_schema",
    "wire_message",
]
