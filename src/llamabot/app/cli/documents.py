"""`llamabot ask --docs`: an answer from documents, which says where it is from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llamabot.adapters.wrap.folders import FoldersOfStore
from llamabot.app.building import EMBEDDED_PREFIX
from llamabot.app.cli.answering import answer, say_how_it_ended
from llamabot.app.cli.session import session
from llamabot.app.cli.stores import store_to_fill
from llamabot.app.cli.terminal import AnswerWriter, say
from llamabot.domain.answer import Answer
from llamabot.domain.querybot import QueryBot, QuerySettings
from llamabot.ports.documents import Match

if TYPE_CHECKING:
    from llamabot.ports.docstore import CataloguePort

__all__ = ["ask_documents", "few_passages", "in_step", "opened_store", "sources_text"]

_LONGEST_WORDS = 100


def ask_documents(
    question: str,
    folders: Sequence[Path],
    *,
    store: Path | None,
    model: str | None,
    system: str,
    temperature: float | None,
    stream: bool,
) -> None:
    """Bring a store into step with folders and files, answer from them, and list the sources below."""
    with session(model) as name, opened_store(store) as documents:
        settings = QuerySettings(
            model=name, temperature=temperature, name="ask", docstore=in_step(documents, folders), **few_passages(name)
        )
        bot = QueryBot(system, **settings)
        if stream:
            result = answer(bot, question)
        else:
            result = bot.run(question)
            _write(result.text)
            say_how_it_ended(result)
        if result.value.sources:
            _write(f"\n{sources_text(result.value)}")
        if result.value.unknown_citations:
            say(f"{result.value.unknown_citations} of the numbers that it cites are of no passage")


@contextmanager
def opened_store(place: Path | None) -> Iterator[CataloguePort]:
    """Open the store at a place, by default the project's own, and close it in the end."""
    with store_to_fill(place, keywords=False) as (store, _):
        yield store


def in_step(store: CataloguePort, folders: Sequence[Path]) -> FoldersOfStore:
    """Take into a store what is new in folders and files, tell what that was, and return the store's view of them."""
    from llamabot.app.ingest import ingest
    from llamabot.app.ingest.roots import read_roots

    report = ingest(folders, docstore=store)
    for failure in report.failed:
        say(str(failure))
    if report.added or report.changed or report.removed or report.failed:
        say(f"{', '.join(map(str, folders))}: {report}")
    return FoldersOfStore(store, [root.source(root.file or "") for root in read_roots(folders)])


def few_passages(model: str) -> QuerySettings:
    """Return how much is sent to a model: to one on this machine, which reads slowly, not more than it needs."""
    return {"k": 3, "context_tokens": 900} if model.startswith(EMBEDDED_PREFIX) else {}


def sources_text(answer: Answer) -> str:
    """Return the passages that an answer cites, each with its number, place and beginning; then the others' numbers."""
    numbers = {id(match): number for number, match in enumerate(answer.sources, 1)}
    cited = [_line(numbers[id(match)], match) for match in answer.citations]
    others = [_line(numbers[id(match)], match) for match in answer.sources if match not in answer.citations]
    parts = ["Cited:", *cited] if cited else ["It cites none of the passages that it was sent."]
    return "\n".join([*parts, *(["Sent too:", *others] if others and cited else others)])


def _line(number: int, match: Match) -> str:
    passage = match.passage
    words = " ".join(passage.text.split())
    begin = words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…"
    return f"  [{number}] {str(passage.place) or passage.document_id}: {begin}"


def _write(text: str) -> None:
    writer = AnswerWriter()
    writer.text(text)
    writer.end()
