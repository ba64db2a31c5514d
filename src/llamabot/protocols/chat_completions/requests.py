"""Our values in the words of the chat-completions wire.

Source: https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from llamabot.ports.completion import CompletionRequest, OutputSchema
from llamabot.ports.errors import ConfigurationError, RequestRejected
from llamabot.ports.messages import (
    AssistantMessage,
    DeveloperMessage,
    Image,
    Message,
    Part,
    SystemMessage,
    Text,
    ToolMessage,
)
from llamabot.ports.secrets import Secrets
from llamabot.ports.tools import ToolCall, ToolSpec

__all__ = [
    "CALL_FIELDS",
    "OUTPUT_SCHEMA",
    "encoded",
    "refuse_of_a_request",
    "refuse_wrong_options",
    "request_fields",
    "takes_output_schema",
    "wire_message",
]

CALL_FIELDS = "tool_calls"
"""Where in `provider_data` the further fields of the calls are, one mapping a call."""

OUTPUT_SCHEMA = "output_schema"
"""The option of an adapter that says whether the server holds its models to a JSON schema."""

_NOT_OPTIONS = ("messages", "model", "stream")
_TEXTS = ("api_base", "api_key", "api_version", "base_url", "organization")
_HEADERS = ("extra_headers", "headers")
_STREAMED: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


def request_fields(request: CompletionRequest, *, streamed: bool, developer: str = "developer") -> dict[str, Any]:
    """Return the messages and settings of a request; its model and its options are left out.

    Args:
        request: what is asked.
        streamed: that the answer comes in fragments.
        developer: the role of a developer's messages; most servers know none but `system`.
    """
    fields: dict[str, Any] = {"messages": [wire_message(message, developer) for message in request.messages]}
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if request.max_tokens is not None:
        fields["max_tokens"] = request.max_tokens
    if request.output is not None:
        fields["response_format"] = _response_format(request.output)
    if request.tools:
        fields["tools"] = [_tool(spec) for spec in request.tools]
        if request.tool_choice != "auto":
            fields["tool_choice"] = _tool_choice(request.tool_choice)
    if streamed:
        fields.update(_STREAMED)
    return fields


def encoded(fields: Mapping[str, Any]) -> bytes:
    """Return the body of a request; halves of characters in it become U+FFFD.

    Raises:
        RequestRejected: something in it has no form in JSON.
    """
    try:
        return msgspec.json.encode(fields)
    except UnicodeEncodeError:
        return json.dumps(fields, ensure_ascii=False, default=msgspec.to_builtins).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestRejected(f"the request cannot be written as JSON: {error}") from error


def takes_output_schema(options: Mapping[str, Any]) -> bool | None:
    """Return whether the server holds its models to a JSON schema, as the options of an adapter say; None: they do not.

    Raises:
        ConfigurationError: what they say is neither yes nor no.
    """
    said = options.get(OUTPUT_SCHEMA)
    if said is not None and not isinstance(said, bool):
        raise ConfigurationError(f"the option {OUTPUT_SCHEMA} is true or false; got {type(said).__name__}")
    return said


def refuse_of_a_request(options: Mapping[str, Any]) -> None:
    """Refuse among the options of one request what is said of a server.

    Raises:
        ConfigurationError: it is there.
    """
    if OUTPUT_SCHEMA in options:
        raise ConfigurationError(
            f"{OUTPUT_SCHEMA} is said of a server and no option of one bot: write it into [options] of llamabot.toml, "
            "call lmb.configure(options={'output_schema': True}), or give it to the adapter"
        )


def refuse_wrong_options(options: Mapping[str, Any], secrets: Secrets) -> None:
    """Refuse what is no option, and keys, addresses and headers that are no text, with no word of a secret's value.

    Raises:
        ConfigurationError: one is wrong.
    """
    if words := _wrong(secrets.merged_into(options)):  # which no local variable holds, where it could be shown
        raise ConfigurationError(words)


def _wrong(options: Mapping[str, Any]) -> str:
    for name in _NOT_OPTIONS:
        if name in options:
            return f"{name!r} is not an option: it is part of the request itself"
    for name in ("extra_body", *_HEADERS):
        if not isinstance(options.get(name), Mapping | None):
            return f"the option {name} is a mapping; got {type(options[name]).__name__}"
    for name, value in _texts(options):
        if not isinstance(value, str | bytes | None):
            return f"the option {name} is text; got {type(value).__name__}"
    return ""


def _texts(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _TEXTS:
        yield name, options.get(name)
    for name in _HEADERS:
        headers = options.get(name)
        if isinstance(headers, Mapping):
            yield from ((f"{name}[{header!r}]", value) for header, value in headers.items())


def _response_format(output: OutputSchema) -> dict[str, Any]:
    schema = {"name": output.name, "schema": dict(output.schema), "strict": output.strict}
    return {"type": "json_schema", "json_schema": schema}


def _tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}


def _tool_choice(choice: str) -> Any:
    return choice if choice in ("required", "none") else {"type": "function", "function": {"name": choice}}


def wire_message(message: Message, developer: str = "developer") -> dict[str, Any]:
    """Return a message as the chat-completions wire has it; `developer` is the role of a developer's."""
    if isinstance(message, AssistantMessage):
        return _assistant(message)
    content = message.content if isinstance(message.content, str) else _parts(message.content)
    if isinstance(message, SystemMessage):
        return {"role": "system", "content": content}
    if isinstance(message, ToolMessage):
        return {"role": "tool", "tool_call_id": message.call_id, "content": content}
    return {"role": developer if isinstance(message, DeveloperMessage) else "user", "content": content}


def _parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": part.url if part.data is None else _data_url(part)}}


def _data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data or b'').decode()}"


def _assistant(message: AssistantMessage) -> dict[str, Any]:
    """Return what the assistant said together with the provider's own fields, as they came."""
    fields = dict(message.provider_data or {})
    call_fields = fields.pop(CALL_FIELDS, ())
    content = message.content if isinstance(message.content, str) else _parts(message.content)
    wire: dict[str, Any] = {"role": "assistant", "content": content if content or not message.tool_calls else None}
    if message.reasoning:
        wire["reasoning_content"] = message.reasoning
    if message.tool_calls:
        wire["tool_calls"] = _calls(message.tool_calls, call_fields)
    return {**fields, **wire}


def _calls(calls: Sequence[ToolCall], fields: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    more = [*fields, *({} for _ in calls)]
    return [
        {**own, "id": call.id, "type": "function", "function": _function(call)}
        for call, own in zip(calls, more, strict=False)
    ]


def _function(call: ToolCall) -> dict[str, str]:
    return {"name": call.name, "arguments": _object(call.arguments)}


def _object(arguments: str) -> str:
    """Return arguments as the text of a JSON object, which they need not be as the model wrote them.

    Providers take objects alone: a transcript with other arguments could never be sent again.
    """
    try:
        msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return msgspec.json.encode({"malformed": arguments} if arguments.strip() else {}).decode()
    return arguments
