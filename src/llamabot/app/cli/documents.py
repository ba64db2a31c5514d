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
from llamabot.app.cli.stores import filled_store, is_store, store_to_fill
from llamabot.app.cli.terminal import AnswerWriter, say
from llamabot.domain.answer import Answer
from llamabot.domain.messages import assistant
from llamabot.domain.querybot import QueryBot, QuerySettings
from llamabot.ports.documents import Match
from llamabot.ports.errors import UsageError

if TYPE_CHECKING:
    from llamabot.app.ingest.roots import Paths
    from llamabot.ports.docstore import CataloguePort, DocStorePort

__all__ = ["BEGINNING", "FOR_SMALL_MODELS", "ask_documents", "in_step", "opened_store", "sources_text"]

# One on this machine reads slowly, and rambles. It cites what it has begun to cite: docs/adr/0015-citations.md.
BEGINNING = "According to passage ["
FOR_SMALL_MODELS: QuerySettings = {
    "k": 3,
    "context_tokens": 900,
    "temperature": 0,
    "max_tokens": 100,
    "options": {"stop": ("\n",)},
}

_LONGEST_WORDS = 100
_MOST_NAMES = 4


def ask_documents(
    question: str,
    docs: Sequence[str],
    *,
    store: Path | None,
    model: str | None,
    system: str,
    temperature: float | None,
    stream: bool,
) -> None:
    """Answer from documents, and list the sources below.

    Args:
        question: to ask.
        docs: folders and files, with which the store is brought into step, and which alone are looked at; or a store.
            Nothing is all that the store has.
        store: that keeps them; None is the project's.
        model: that answers; None is the configured one.
        system: prompt.
        temperature: of the model.
        stream: write the answer as it comes.
    """
    with session(model) as name, _looked_up(docs, store) as documents:
        bot, begun = _asked_bot(system, name, documents, temperature)
        inputs = [question, assistant(begun)] if begun else [question]
        if stream:
            result = answer(bot, *inputs, begun=begun)
        else:
            result = bot.run(*inputs)
            _write(begun + result.text if result.value.sources else result.text)
            say_how_it_ended(result)
        if result.value.sources:
            _write(f"\n{sources_text(result.value)}")
        if result.value.unknown_citations:
            say(f"{result.value.unknown_citations} of the numbers that it cites are of no passage")


def _asked_bot(system: str, model: str, documents: DocStorePort, temperature: float | None) -> tuple[QueryBot, str]:
    """Return the bot, and how its answer is begun: small models need that."""
    settings, begun = QuerySettings(model=model, name="ask", docstore=documents), ""
    if model.startswith(EMBEDDED_PREFIX):
        settings, begun = settings | FOR_SMALL_MODELS, BEGINNING
    if temperature is not None:
        settings["temperature"] = temperature
    return QueryBot(system, **settings), begun


@contextmanager
def _looked_up(docs: Sequence[str], place: Path | None) -> Iterator[DocStorePort]:
    if place is None and len(docs) == 1 and is_store(Path(docs[0])):
        docs, place = [], Path(docs[0])
    if not docs:
        with filled_store(place) as (store, _):
            yield store
        return
    from llamabot.app.cli.ingesting import named_paths

    with opened_store(place) as store:
        yield in_step(store, named_paths(docs))


@contextmanager
def opened_store(place: Path | None) -> Iterator[CataloguePort]:
    """Open the store at a place, by default the project's own, and close it in the end."""
    with store_to_fill(place, keywords=False) as (store, _):
        yield store


def in_step(store: CataloguePort, folders: Paths) -> FoldersOfStore:
    """Take into a store what is new in folders and files, tell what that was, and return the store's view of them.

    Raises:
        UsageError: there is nothing in them that can be read.
    """
    from llamabot.app.cli.ingesting import ingest_bar
    from llamabot.app.ingest import ingest
    from llamabot.app.ingest.roots import read_roots

    roots = read_roots(folders)
    names = ", ".join(root.source(root.file or "") for root in roots)
    with ingest_bar() as progress:
        report = ingest(folders, docstore=store, progress=progress)
    for failure in report.failed:
        say(str(failure))
    if report.added or report.changed or report.removed or report.failed:
        say(f"{names if len(roots) < _MOST_NAMES else 'the documents'}: {report}")
    if not (report.added or report.changed or report.unchanged):
        raise UsageError(f"there are no documents in {names}")
    return FoldersOfStore(store, [root.source(root.file or "") for root in roots])


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
