"""What a call of a bot is made with, and what its core is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llamabot.domain.limits import Limits
from llamabot.domain.world import World
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Message
from llamabot.ports.secrets import Secrets

__all__ = ["ALONE", "Call", "Setup"]

ALONE: Any = object()
"""The memory of a call that uses none, whatever is put in force: a map's, whose inputs do not know of each other."""


class Call(msgspec.Struct, frozen=True):
    """What a core is told of its call.

    Attributes:
        inputs: what the user says, at least one message.
        request: all of the request but its messages.
        has_memory: whether `Recall` and `Remember` are there to be used.
        is_durable: whether what is logged outlives the process.
        state: the caller's own object.
        settings: those of this call alone that only bots of its kind have.
    """

    inputs: tuple[Message, ...]
    request: CompletionRequest
    has_memory: bool
    is_durable: bool = False
    state: Any = None
    settings: Mapping[str, Any] = {}


class Setup(msgspec.Struct, frozen=True):
    """What one call is made with.

    Attributes:
        is_priced: its cost is limited, so that it begins with a look at whether the model's price is known.
        settings: as in a `Call`.
    """

    world: World
    request: CompletionRequest
    limits: Limits
    secrets: Secrets
    state: Any
    has_memory: bool
    is_durable: bool
    is_priced: bool
    settings: Mapping[str, Any]
