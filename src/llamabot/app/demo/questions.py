"""The demo's question: what may be asked, and how the model is asked it."""

from __future__ import annotations

from llamabot.app.demo.excerpts import Excerpt
from llamabot.domain.settings import BotSettings
from llamabot.ports.errors import UsageError
from llamabot.ports.messages import AssistantMessage, UserMessage

__all__ = ["ANSWERING", "STOPS", "checked_question", "posed", "quoted"]

_MOST_CHARACTERS = 500
_OPENING = "According to the text,"

# One plain sentence, the likeliest: what a small model adds to it, it makes up.
STOPS = ("\n", ". ", ", which", ", who", ", but")
ANSWERING: BotSettings = {"temperature": 0, "max_tokens": 60, "options": {"stop": STOPS}}


def checked_question(question: str) -> str:
    """Return a question that can be asked.

    Raises:
        UsageError: it is empty, too long, or no text.
    """
    question = " ".join(question.split())
    if not question:
        raise UsageError("the question is empty")
    if len(question) > _MOST_CHARACTERS:
        raise UsageError(f"the question has {len(question):,} characters; the demo takes up to {_MOST_CHARACTERS}")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the question is not UTF-8 text") from error
    return question


def quoted(excerpts: tuple[Excerpt, ...]) -> str:
    """Return excerpts as numbered quotations."""
    return "\n".join(f'{number}. "{excerpt.text}"' for number, excerpt in enumerate(excerpts, 1))


def posed(question: str, excerpts: tuple[Excerpt, ...]) -> tuple[UserMessage, AssistantMessage]:
    """Return what the model is sent.

    The excerpts are the user's words, never the system's. The beginning of the answer is given: the model then goes
    on with a statement, where it else often repeats the question.
    """
    asked = f"Here are excerpts of a text:\n{quoted(excerpts)}\n\nWhat is the answer to this question: {question}"
    return UserMessage(asked), AssistantMessage(_OPENING)
