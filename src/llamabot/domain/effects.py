"""Effects: all that a bot can do to the world, as data.

A core is a generator that yields effects and is sent their results:

    completion = yield from Complete(request)

It does no I/O, reads no clock and holds no thread or loop, so one core serves every colour. Errors of a port are
thrown into it at the `yield`. Rules: no `with` on a context variable across a `yield`; no effect inside `finally`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import msgspec

from llamabot.domain.approvals import Approval
from llamabot.domain.result import Announcement
from llamabot.domain.retrieval import Retrieval
from llamabot.ports.completion import Completion, CompletionRequest, ModelCapabilities
from llamabot.ports.documents import Metadata
from llamabot.ports.messages import Message
from llamabot.ports.tools import Tool, ToolCall, ToolResult

__all__ = [
    "AskApproval",
    "CallTool",
    "Complete",
    "Core",
    "DescribeModel",
    "Effect",
    "Emit",
    "ListTools",
    "Recall",
    "Remember",
    "Rephrase",
    "Retrieve",
    "Say",
    "Together",
]

T = TypeVar("T")


class Effect(msgspec.Struct, Generic[T], frozen=True):
    """Something to be done by a driver, with a result of type T.

    Attributes:
        kind: its name in the log.
    """

    kind: ClassVar[str]

    def __iter__(self) -> Generator[Effect[Any], Any, T]:
        result: T = yield self
        return result


Core: TypeAlias = Generator[Effect[Any], Any, T]


class Complete(Effect[Completion], frozen=True):
    """Ask the model."""

    kind: ClassVar[str] = "complete"
    request: CompletionRequest


class Rephrase(Complete, frozen=True):
    """Ask the model for other words of a question; nobody who streams the run is told."""

    kind: ClassVar[str] = "rephrase"


class Say(Effect[None], frozen=True):
    """Answer without the model.

    Attributes:
        messages: the transcript, of which the last one is the answer.
    """

    kind: ClassVar[str] = "say"
    messages: tuple[Message, ...]


class Retrieve(Effect[Retrieval], frozen=True):
    """Search the document store.

    Attributes:
        query: what is looked for.
        k: most matches.
        where: only documents whose metadata has all of these.
    """

    kind: ClassVar[str] = "retrieve"
    query: str
    k: int = 8
    where: Metadata | None = None


class DescribeModel(Effect[ModelCapabilities], frozen=True):
    """Ask the adapter what it knows of a model."""

    kind: ClassVar[str] = "describe_model"
    model: str


class Recall(Effect[tuple[Message, ...]], frozen=True):
    """Read the conversation."""

    kind: ClassVar[str] = "recall"


class Remember(Effect[None], frozen=True):
    """Store one turn of the conversation."""

    kind: ClassVar[str] = "remember"
    turn: tuple[Message, ...]


class ListTools(Effect[tuple[Tool, ...]], frozen=True):
    """Ask the toolboxes what they offer."""

    kind: ClassVar[str] = "list_tools"


class CallTool(Effect[ToolResult], frozen=True):
    """Run one call of a tool.

    Attributes:
        call: as the model made it, or as who approved it has changed it.
        tool: the tool that it names.
        max_characters: longest text that the model is told; what is beyond is cut, and the text says so.
    """

    kind: ClassVar[str] = "call_tool"
    call: ToolCall
    tool: Tool
    max_characters: int = 20_000


class AskApproval(Effect[tuple[Approval, ...]], frozen=True):
    """Ask someone whether these calls may run; the answers come in the order of the calls.

    Without an answer the run pauses with `ApprovalNeeded`.
    """

    kind: ClassVar[str] = "ask_approval"
    calls: tuple[ToolCall, ...]


class Together(Effect[list[Any]], frozen=True):
    """Do several effects at once; the results come in the order of the effects.

    All of them finish, also when one fails; then the first error in their order is raised.
    """

    kind: ClassVar[str] = "together"
    effects: Sequence[Effect[Any]]


class Emit(Effect[None], frozen=True):
    """Tell who streams this run. It changes nothing in the world and is not logged."""

    kind: ClassVar[str] = "emit"
    event: Announcement
