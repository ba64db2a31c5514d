"""Making messages from what people write: strings, images, messages, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from llamabot.ports.errors import UsageError
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
from llamabot.ports.tools import ToolResult

__all__ = [
    "MessageLike",
    "assistant",
    "closed",
    "developer",
    "from_json",
    "image",
    "system",
    "to_json",
    "to_messages",
    "tool_message",
    "user",
]

MessageLike: TypeAlias = str | Part | Message | Iterable["MessageLike"]
"""What stands for messages: a string or an image is what the user says; lists may be nested."""

_MESSAGES = (SystemMessage, DeveloperMessage, UserMessage, AssistantMessage, ToolMessage)
_LOOSE = (str, Text, Image)
_KNOWN = _LOOSE + _MESSAGES
_LEFT = "The call was not answered: the run ended before."
_WAYS = "an address is given as image(url=…), bytes as image(data=…)"
_WANTED = {"url": "an address", "data": "bytes", "media_type": "text such as image/png"}
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
}


def user(*parts: str | Part) -> UserMessage:
    """Return a message of the user. A string is text, whatever it looks like."""
    return UserMessage(_content(parts))


def system(*parts: str | Part) -> SystemMessage:
    """Return a message of the application."""
    return SystemMessage(_content(parts))


def developer(*parts: str | Part) -> DeveloperMessage:
    """Return a message of the developer."""
    return DeveloperMessage(_content(parts))


def assistant(*parts: str | Part) -> AssistantMessage:
    """Return a message of the model, for examples and made-up histories."""
    return AssistantMessage(_content(parts))


def image(
    path: str | PathLike[str] | None = None,
    *,
    url: str | None = None,
    data: bytes | None = None,
    media_type: str | None = None,
) -> Image:
    """Return a picture, from exactly one of a file, a URL that the provider fetches, or bytes.

    Args:
        path: a file, read now.
        url: an address, not opened here.
        data: the picture itself.
        media_type: needed only where the first bytes do not tell it (PNG, JPEG, GIF, WebP and BMP do).

    Raises:
        UsageError: not exactly one source, a file that cannot be read, or bytes that are no known picture.
    """
    if sum(source is not None for source in (path, url, data)) != 1:
        raise UsageError("image() takes exactly one of a path, url= or data=")
    for name, value, kind in (("url", url, str), ("data", data, bytes | bytearray), ("media_type", media_type, str)):
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{name}= is {_WANTED[name]}, not {type(value).__name__}; {_WAYS}")
    if url == "":
        raise UsageError("url= is empty")
    if url is not None:
        return Image(url=url, media_type=media_type)
    content = bytes(data or b"") if path is None else _read(path)
    return Image(data=content, media_type=media_type or _media_type(content, path))


def tool_message(result: ToolResult) -> ToolMessage:
    """Return the answer to a call as the model is told it."""
    return ToolMessage(result.text, call_id=result.call_id, is_error=result.is_error)


def closed(messages: tuple[Message, ...], results: Mapping[str, ToolMessage]) -> tuple[Message, ...]:
    """Return a transcript that providers accept: every call of the last decision is answered.

    Args:
        messages: the transcript, which may end with some of the answers.
        results: the answers there are, by the id of the call; where there is none, that is said.
    """
    end = len(messages)
    while end and isinstance(messages[end - 1], ToolMessage):
        end -= 1
    last = messages[end - 1] if end else None
    if not isinstance(last, AssistantMessage) or not last.tool_calls:
        return messages
    known = {**results, **{answer.call_id: answer for answer in messages[end:] if isinstance(answer, ToolMessage)}}
    answers = [known.get(call.id) or ToolMessage(_LEFT, call_id=call.id, is_error=True) for call in last.tool_calls]
    return (*messages[:end], *answers)


def to_messages(*inputs: MessageLike) -> tuple[Message, ...]:
    """Return the messages that the inputs stand for.

    Each string is one message of the user. An image joins the strings and images beside it in one message.

    Raises:
        UsageError: something is no message, or holds text that is not valid Unicode.
    """
    if len(inputs) == 1 and isinstance(inputs[0], str):  # nearly every call
        return (_valid(UserMessage(inputs[0])),)
    messages: list[Message] = []
    loose: list[str | Part] = []
    try:
        for item in _flat(inputs):
            if isinstance(item, _MESSAGES):
                messages += _users(loose)
                messages.append(item)
                loose = []
            else:
                loose.append(item)
    except RecursionError as error:
        raise UsageError("the list of messages is nested too deeply, or holds itself") from error
    return tuple(_valid(message) for message in (*messages, *_users(loose)))


def to_json(message: Message) -> str:
    """Return a message as JSON text, images included.

    Raises:
        UsageError: it is no message, or holds something that JSON cannot.
    """
    if not isinstance(message, _MESSAGES):
        raise UsageError(f"to_json takes one message, not {type(message).__name__}; lmb.user(…) makes one of a string")
    try:
        return msgspec.json.encode(message).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"this message has no form in JSON: {error}") from error


def from_json(data: str | bytes) -> Message:
    """Return the message that `to_json` wrote. Nothing in it is taken for a path or an address.

    Raises:
        UsageError: it is no message; the error names the place.
    """
    try:
        message: Message = msgspec.json.decode(data, type=Message)
    except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError) as error:
        raise UsageError(f"this is not a message in JSON: {error}") from error
    return message


def _content(parts: Sequence[str | Part]) -> Content:
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    for part in parts:
        if not isinstance(part, str | Text | Image):
            raise UsageError(f"a message is made of strings and images, not of {type(part).__name__}")
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


def _flat(inputs: Iterable[MessageLike]) -> Iterator[str | Part | Message]:
    for item in inputs:
        if isinstance(item, _KNOWN):
            yield item
        elif isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            raise UsageError(
                f"a bot takes strings, images, messages and lists of them, not {type(item).__name__}; "
                "a message is made with lmb.user(…), an image with lmb.image(…)"
            )


def _users(loose: Sequence[str | Part]) -> list[UserMessage]:
    if any(isinstance(item, Image) for item in loose):
        return [user(*loose)]
    return [user(item) for item in loose]


def _valid(message: Message) -> Message:
    try:
        for text in _texts(message.content):
            if not text.isascii():
                text.encode()
        if isinstance(message, AssistantMessage | ToolMessage):
            msgspec.json.encode(message, enc_hook=repr)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the text has half a character (a lone surrogate) at position {error.start}, which cannot be sent; "
            'mend it with text.encode("utf-8", "replace").decode()'
        ) from error
    return message


def _texts(content: Content) -> list[str]:
    if isinstance(content, str):
        return [content]
    given: Any = content  # the constructors check nothing
    for part in given if isinstance(given, tuple | list) else (given,):
        if not isinstance(part, Image) and not (isinstance(part, Text) and isinstance(part.text, str)):
            raise UsageError(f"a message holds text and images, not {part!r:.80}; lmb.user(…) makes one of strings")
    return [part.text for part in content if isinstance(part, Text)]


def _read(path: str | PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except TypeError as error:
        raise UsageError(f"an image is read from a path, not from {type(path).__name__}; {_WAYS}") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is no path"
        raise UsageError(f"the image {fspath(path)!r} cannot be read: {why}; {_WAYS}") from error


def _media_type(data: bytes, path: str | PathLike[str] | None) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for signature, media_type in _SIGNATURES.items():
        if data.startswith(signature):
            return media_type
    source = "the data" if path is None else repr(str(path))
    raise UsageError(f"{source} is no picture in a known format; say which with media_type=")
