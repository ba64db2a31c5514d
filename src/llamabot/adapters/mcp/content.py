"""What goes to a server and what comes back: arguments from a model's text, a result as text for the model."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["NotAnObject", "read_arguments", "text_of"]

_BASE64_BYTES = 3 / 4


class NotAnObject(ValueError):
    """The arguments of a call are no JSON object that can be sent."""


def read_arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a call. No text at all is no arguments: some models write it so.

    Raises:
        NotAnObject: says what is wrong, for the model.
    """
    try:
        arguments = msgspec.json.decode(text or "{}")
        msgspec.json.encode(arguments)  # half of a surrogate pair is read but cannot be written
    except (ValueError, RecursionError) as error:
        raise NotAnObject(f"the arguments are not valid JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise NotAnObject(f"the arguments are a JSON object, not {text[:40]!r}")
    return arguments


def text_of(result: Any) -> str:
    """Return what the model is told of a result: its texts, or its data if there are none; all the rest is named."""
    parts = [_part(block) for block in result.content]
    if not any(block.type == "text" for block in result.content) and result.structured_content is not None:
        parts.append(msgspec.json.encode(result.structured_content).decode())
    if parts:
        return "\n".join(parts)
    return "the tool failed and did not say why" if result.is_error else "(the tool returned nothing)"


def _part(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            return f"[{block.type}, {block.mime_type}, {_size(block.data)}; it cannot be shown here]"
        case "resource_link":
            return f"[resource {block.name!r} at {block.uri}{_kind(block.mime_type)}]"
        case "resource":
            return _resource(block.resource)
    return f"[{block.type}]"


def _resource(resource: Any) -> str:
    text = getattr(resource, "text", None)
    if text is not None:
        return str(text)
    return f"[resource at {resource.uri}{_kind(resource.mime_type)}, {_size(resource.blob)}; it cannot be shown here]"


def _kind(mime_type: str | None) -> str:
    return f", {mime_type}" if mime_type else ""


def _size(base64: str) -> str:
    return f"{int(len(base64) * _BASE64_BYTES):,} bytes"
