"""What happens while a customer waits: the desk's own words, which the web may show as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import llamabot as lmb


@dataclass(frozen=True)
class TextPiece:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True)
class SourcesFound:
    """Where the answer will be from; `[1]` in the text is the first."""

    sources: tuple[str, ...]


@dataclass(frozen=True)
class ToolBegan:
    """The desk looks something up, or does something."""

    tool: str


@dataclass(frozen=True)
class ToolEnded:
    """It is done, or could not be done."""

    ok: bool


@dataclass(frozen=True)
class Waits:
    """A colleague must say yes first; the answer will be in the ticket."""

    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """The whole answer; always the last event if all goes well."""

    text: str


@dataclass(frozen=True)
class Failed:
    """There is no answer now. What went wrong is in the log, not here."""

    message: str = "The desk cannot answer just now. Please try again."


DeskEvent: TypeAlias = TextPiece | SourcesFound | ToolBegan | ToolEnded | Waits | Answered | Failed


def translated(event: Any) -> DeskEvent | None:
    """Return a bot's event in the desk's words, None for one that is no customer's business."""
    match event:
        case lmb.TextDelta(text):
            return TextPiece(text)
        case lmb.Retrieved(matches):
            return SourcesFound(tuple(str(match.passage.place) for match in matches))
        case lmb.ToolStarted(call):
            return ToolBegan(call.name)
        case lmb.ToolFinished(result):
            return ToolEnded(not result.is_error)
        case lmb.Finished(result):
            return Answered(result.text)
    return None
