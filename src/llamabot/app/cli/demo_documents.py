"""The demo's answer from documents: what is found, what the model says of it, what it cites."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from llamabot.app.cli.documents import BEGINNING, in_step, opened_store, sources_text
from llamabot.app.cli.pages import heading, print_text
from llamabot.app.cli.terminal import AnswerWriter
from llamabot.domain.answer import Answer
from llamabot.domain.messages import assistant
from llamabot.domain.querybot import QueryBot
from llamabot.domain.result import Retrieved, TextDelta
from llamabot.ports.documents import Match

__all__ = ["about_first", "answer_from_documents"]

_EMBEDDER = "minilm"
# A model this small goes wrong after a sentence.
_HOW: Any = {"temperature": 0, "max_tokens": 60, "options": {"stop": ("\n", ". ")}}
_PASSAGES: Any = {"k": 2, "context_tokens": 600}
_WHAT_TO_TRUST = (
    "The search is as good for a large model as for this one. Which passage it names, and what it says of it, is this "
    "very small model's own: it mostly names the first, and is often wrong. Compare."
)


def answer_from_documents(
    folders: Sequence[Path],
    name: str,
    question: str | None,
    model: str,
    *,
    number: int,
    place: Path,
    install: Callable[[str], object],
) -> None:
    """Bring a store into step with folders, and answer a question from them.

    Args:
        folders: or files.
        name: of them all.
        question: to ask; None is one about the first document, which is answered whatever the score.
        model: that answers.
        number: of the section.
        place: of the store.
        install: has a model on this machine.
    """
    heading(f"{number}. An answer from documents: {name}")
    install(_EMBEDDER)
    with opened_store(place) as store:
        bot = QueryBot(docstore=in_step(store, folders), model=model, name="documents", **_PASSAGES, **_HOW)
        if question is None:
            bot, question = bot.with_(min_score=0.0), about_first(known.source for known in store.known())
        print_text(f"{question}\n")
        answer = _told(bot, question, model)
        if answer.sources:
            print_text(f"\n{sources_text(answer)}\n\n{_WHAT_TO_TRUST}")


def _told(bot: QueryBot, question: str, model: str) -> Answer:
    """Write what is found and the answer as they come, and return it."""
    writer = AnswerWriter()
    with bot.stream(question, assistant(BEGINNING)) as events:
        for event in events:
            match event:
                case Retrieved(matches) if matches:
                    _found(matches)
                    print_text(f"\n{model} answers:")
                    writer.text(BEGINNING)
                case TextDelta(text):
                    writer.text(text)
    writer.end()
    return events.result.value


def about_first(sources: Iterable[str]) -> str:
    """Return a question about the document whose source comes first, by its name."""
    path = PurePosixPath(min(sources, key=lambda source: ("/_" in source, source)))
    words = " ".join(re.findall(r"[^\W\d_]+", path.stem))
    return f"What is {words or path.name} about?"


def _found(matches: Sequence[Match]) -> None:
    print_text("The closest passages, with their scores:")
    for number, match in enumerate(matches, 1):
        print_text(f"[{number}] {match.score:.2f} {match.passage.place}", indent="  ")
        print_text(f"“{' '.join(match.passage.text.split())}”", indent="      ")
