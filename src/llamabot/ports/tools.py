"""Tools as values: declared, asked for, answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["ToolCall", "ToolSpec"]


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as the model sees it.

    Attributes:
        parameters: JSON schema of an object, root inlined.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


class ToolCall(msgspec.Struct, frozen=True):
    """A call that the model asks for.

    Attributes:
        id: unique within a run.
        arguments: JSON text exactly as received; it may be malformed.
    """

    id: str
    name: str
    arguments: str
