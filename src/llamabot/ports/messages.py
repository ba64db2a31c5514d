"""Messages: the turns of a conversation.

Frozen values, tagged by `role`; parts are tagged by `type`. Nothing here reads a file or opens a URL, and no
string is ever taken for a path or an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from llamabot.ports.tools import ToolCall

__all__ = [
    "AssistantMessage",
    "Content",
    "DeveloperMessage",
    "Image",
    "Message",
    "Part",
    "SystemMessage",
    "Text",
    "ToolMessage",
    "UserMessage",
]


class Text(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """A piece of text."""

    text: str


class Image(msgspec.Struct, frozen=True, tag_field="type", tag="image", omit_defaults=True):
    """A picture: its bytes with their media type, or a URL that the provider fetches.

    Exactly one of `data` and `url` is set.
    """

    data: bytes | None = None
    media_type: str | None = None
    url: str | None = None

    def __repr__(self) -> str:
        source = f"{len(self.data)} bytes, {self.media_type}" if self.data is not None else self.url
        return f"Image({source})"


Part: TypeAlias = Text | Image
Content: TypeAlias = str | tuple[Part, ...]


class _Turn(msgspec.Struct, frozen=True, tag_field="role", omit_defaults=True):
    """What the messages share: content, and its text."""

    content: Content = ""

    @property
    def text(self) -> str:
        """The text of the content; several text parts are joined by line ends."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if isinstance(part, Text))

    def __str__(self) -> str:
        return self.text

    def __format__(self, form: str) -> str:
        return format(self.text, form)


class SystemMessage(_Turn, frozen=True, tag="system"):
    """Instructions of the application."""


class DeveloperMessage(_Turn, frozen=True, tag="developer"):
    """Instructions of the developer, in the words of providers that tell the two apart."""


class UserMessage(_Turn, frozen=True, tag="user"):
    """What the user says; also the authority that quoted documents get."""


class AssistantMessage(_Turn, frozen=True, tag="assistant", omit_defaults=True):
    """What the model says: text, calls of tools, or both.

    Attributes:
        tool_calls: the calls it asks for, in its order.
        reasoning: the model's reasoning, where the provider shows it.
        provider_data: opaque fields of the provider that must go back to it unchanged (signatures of reasoning,
            cache marks).
    """

    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    provider_data: Mapping[str, Any] | None = None


class ToolMessage(_Turn, frozen=True, tag="tool", omit_defaults=True):
    """The answer to one call of a tool; it never has more authority than that."""

    call_id: str = ""
    is_error: bool = False


Message: TypeAlias = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage
