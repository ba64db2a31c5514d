"""How often an answer from documents cites a passage that holds the answer, on the embedded model."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import msgspec

import llamabot as lmb
from benchmarks.faq import Question, pages, questions
from benchmarks.harness import Section
from llamabot.app.cli.documents import BEGINNING, FOR_SMALL_MODELS

__all__ = ["measure"]

_QUESTIONS = 20
_SHOWN = 160
_TEXT = f"""
```console
$ python -m benchmarks answers
```

{_QUESTIONS} headings of Python's FAQ, drawn once, are asked of a `QueryBot` on `embedded/smollm2` (135 million
parameters), with a `FaissDocStore` of all pages of the FAQ and the settings of `llamabot ask --docs` for a model on
this machine. A passage holds the answer if it has something of the section below the heading. Each is asked twice: as
it is, and with the beginning of the answer given, as the command line does. That a passage is cited does not say that
the answer is right: the answers follow.
"""


class Outcome(msgspec.Struct, frozen=True):
    """How one question ended.

    Attributes:
        is_retrieved: a passage that holds the answer was sent.
        is_first: it was the closest.
        is_cited: such a passage is cited.
        cites: how many passages are cited.
        unknown: how many numbers of no passage.
    """

    question: Question
    answer: str
    is_retrieved: bool
    is_first: bool
    is_cited: bool
    cites: int
    unknown: int

    @property
    def failure(self) -> str:
        """Return what went wrong after the passage was sent, "" if nothing did."""
        if not self.is_retrieved or self.is_cited:
            return ""
        if self.cites:
            return "cites another passage"
        return "cites a number of no passage" if self.unknown else "cites nothing"


def measure() -> Section:
    """Ask all questions in both ways."""
    folder = pages()
    asked = questions(folder, _QUESTIONS)
    with tempfile.TemporaryDirectory() as place, lmb.FaissDocStore(Path(place) / "store") as store:
        lmb.ingest(folder, docstore=store)
        bot = lmb.QueryBot(
            docstore=store, model="embedded/smollm2", recorder=lmb.InMemoryRecorder(), **FOR_SMALL_MODELS
        )
        ways = {begun: [_outcome(bot, question, begun) for question in asked] for begun in ("", BEGINNING)}
    notes = [note for begun, found in ways.items() for note in (_summary(begun, found), _lines(found))]
    return Section("Answers from documents", _TEXT, [], notes=notes)


def _outcome(bot: lmb.QueryBot, question: Question, begun: str) -> Outcome:
    answer = bot(question.text, *([lmb.assistant(begun)] if begun else []))
    holds = [match for match in answer.sources if question.is_answered_in(match.passage)]
    return Outcome(
        question,
        begun + answer.text,
        bool(holds),
        answer.sources[:1] == tuple(holds[:1]) != (),
        any(match in holds for match in answer.citations),
        len(answer.citations),
        answer.unknown_citations,
    )


def _summary(begun: str, found: list[Outcome]) -> str:
    retrieved = [outcome for outcome in found if outcome.is_retrieved]
    cited = [outcome for outcome in retrieved if outcome.is_cited]
    alone = sum(outcome.cites == 1 and not outcome.unknown for outcome in cited)
    failures = Counter(outcome.failure for outcome in retrieved if outcome.failure)
    others = "; ".join(f"{count} {failure}" for failure, count in failures.most_common()) or "none"
    how = f"With the beginning “{begun}”" if begun else "As it is"
    return (
        f"**{how}:** {len(cited)} of {len(retrieved)} answers cite a passage that holds the answer, out of those for "
        f"which one was sent ({len(found)} were asked); {alone} of them cite nothing else. The others: {others}. Who "
        f"always cites the closest passage is right {sum(outcome.is_first for outcome in retrieved)} times."
    )


def _lines(found: list[Outcome]) -> str:
    return "\n".join(f"- {_mark(outcome)} {outcome.question.text} “{_shown(outcome.answer)}”" for outcome in found)


def _mark(outcome: Outcome) -> str:
    if not outcome.is_retrieved:
        return "not found:"
    return f"{outcome.failure or 'cited'}:"


def _shown(answer: str) -> str:
    """Return an answer on one line, with nothing in it that Markdown would take for its own."""
    words = " ".join(answer.split())
    short = words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
    for mark in r"\`*_<[":
        short = short.replace(mark, f"\\{mark}")
    return short
