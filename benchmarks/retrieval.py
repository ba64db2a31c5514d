"""How often the passage with the answer is found, by which rule, and below which score there is none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import msgspec

import llamabot as lmb
from benchmarks.cache import CACHE
from benchmarks.debian import file_name
from benchmarks.fusions import RULES
from benchmarks.harness import Row, Section, Spread
from benchmarks.kept_vectors import KeptEmbedding
from benchmarks.question_sets import DEBIAN, QuestionSet, about_debian, in_few_words, perl, python, without_headings
from benchmarks.scoring import Interval, difference, halves, quality
from llamabot.adapters.models import install
from llamabot.ports.documents import Match
from llamabot.ports.embedding import EmbeddingPort
from llamabot.ports.fusion import FusionRule, KeywordsOnly, VectorsOnly, WeightedScores

__all__ = ["measure"]

_DEPTH = 50
_SENT = 8
_WEIGHTS = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95)
_KEYWORDS, _VECTORS = "keywords alone", "vectors alone"
_DEFAULT = f"weighted scores, vectors {WeightedScores().vectors:g}"
_THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
_OF_RECORD = {
    "Python": "f724b0bdd31f8000eadca4ba53ef786f4dbb4718f89822d4aa62e4f58566bf35",
    "Perl": "e288fd03310c1e2bace2cc8c1eb3bc3953097ddaa6b226b79bc3c753ed46eeac",
}
_TEXT = f"""
The headings of Python's FAQ are the questions, and the passages of the section below one hold the answer; around them
is the whole library reference. So with perlfaq and Perl's manual. Loader, splitter, MiniLM and `FaissDocStore` with
their defaults. From the texts, the lines that are a question word by word (headings, tables of contents) are taken out,
or nobody would need to understand it; the second table leaves them in, as users would. Weighted scores are the store's
own rule. What looks at ranks, or at other scores, is given the first {_DEPTH} of both halves. MRR counts what is not
among the first {_DEPTH} as 0. Intervals hold 95 of 100 resamples of the questions. The first run on a machine embeds
17,000 passages, a quarter of an hour of a core; the vectors are kept.
"""
_ABOUT_THRESHOLDS = f"""\
What a least score does, by the default rule with k={_SENT} and without headings. Kept: of the questions whose answer is
among the {_SENT} passages, those for which it still is; asked as they are, and in their first three words that carry
meaning. Passages sent: to a question of the set, on the average. Refused: of the questions of another FAQ (Debian's is
fetched for this alone), those to which nothing is sent any more."""

Ranks = Sequence[int | None]
Rankings = Mapping[str, Sequence[Sequence[Match]]]
Answers = tuple[Sequence[Match], Sequence[Match]]


class Found(msgspec.Struct, frozen=True):
    """What was found in one set of documents.

    Attributes:
        passages: how many there are.
        ranks: by rule, of the first passage that holds the answer, one a question.
        answers: by the default rule, for each question its matches, and those of them that hold the answer.
        in_few_words: the same, asked in few words.
        foreign: by whose questions, which are not answered here, the score of the best match for each.
    """

    of: QuestionSet
    passages: int
    ranks: Mapping[str, Ranks]
    answers: Sequence[Answers]
    in_few_words: Sequence[Answers]
    foreign: Mapping[str, Sequence[float]]


def measure() -> Section:
    """Look for the answers to all questions by all rules."""
    sets = [python(), perl()]
    model = lmb.OnnxEmbedding(install("minilm").path)
    embedding = KeptEmbedding(model, CACHE / "vectors.db")
    foreign = {some.name: [question.text for question in some.questions] for some in sets} | {"Debian": about_debian()}
    bare = [_found(without_headings(some), foreign, embedding) for some in sets]
    whole = [_found(some, {}, embedding) for some in sets]
    embedding.close()
    chosen, reported = halves(len(sets[0].questions))
    sizes = "; ".join(
        f"{found.of.name}: {len(found.of.questions)} questions, {found.passages:,} passages" for found in bare
    )
    of_python = [_only(bare[0].ranks, some) for some in (chosen, reported)]
    return Section(
        "Finding the answer",
        _TEXT,
        [
            _above_vectors("Python, the half to report", of_python[1]),
            _above_vectors("Perl", bare[1].ranks),
        ],
        notes=[
            f"{sizes}. Packages: {', '.join(map(file_name, [*(some.package for some in sets), DEBIAN]))}.",
            _compared_with_the_record(sets),
            _table({"Python, to choose by": of_python[0], "Python, to report": of_python[1], "Perl": bare[1].ranks}),
            "With their headings:",
            _table({found.of.name: found.ranks for found in whole}),
            _ABOUT_THRESHOLDS,
            _thresholds(bare),
        ],
    )


def _found(some: QuestionSet, foreign: Mapping[str, Sequence[str]], embedding: EmbeddingPort) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        with lmb.FaissDocStore(folder, embedding=embedding) as store:
            store.add(some.documents)
        look = partial(_matches, folder, embedding)
        asked = [question.text for question in some.questions]
        rankings = _rankings(look, asked)
        short = look(WeightedScores(), list(map(in_few_words, asked)), _SENT)
        others = {whose: questions for whose, questions in foreign.items() if whose != some.name}
        closest = {whose: look(WeightedScores(), questions, 1) for whose, questions in others.items()}
    return Found(
        some,
        sum(len(lmb.SemanticSplitter().split(document)) for document in some.documents),
        {rule: [_rank(some, *each) for each in enumerate(found)] for rule, found in rankings.items()},
        [_answers(some, *each) for each in enumerate(rankings[_DEFAULT])],
        [_answers(some, *each) for each in enumerate(short)],
        {whose: [best.score for (best,) in found] for whose, found in closest.items()},
    )


def _matches(
    folder: str, embedding: EmbeddingPort, rule: FusionRule, questions: Sequence[str], k: int
) -> list[Sequence[Match]]:
    with lmb.FaissDocStore(folder, embedding=embedding, fusion=rule) as store:
        return [store.search(question, k=k) for question in questions]


def _rankings(
    look: Callable[[FusionRule, Sequence[str], int], list[Sequence[Match]]], asked: Sequence[str]
) -> Rankings:
    """Return by rule what is found for each question."""
    own: dict[str, FusionRule] = {_KEYWORDS: KeywordsOnly(), _VECTORS: VectorsOnly()}
    own |= {f"weighted scores, vectors {weight:g}": WeightedScores(weight) for weight in _WEIGHTS}
    found = {name: look(rule, asked, _DEPTH) for name, rule in own.items()}
    pairs = list(zip(found[_VECTORS], found[_KEYWORDS], strict=True))
    return found | {
        name: [_in_order(rule(*map(_scores, pair)), pair) for pair in pairs] for name, rule in RULES.items()
    }


def _rank(some: QuestionSet, number: int, matches: Sequence[Match]) -> int | None:
    answered = some.questions[number].is_answered_in
    return next((rank for rank, match in enumerate(matches, 1) if answered(match.passage)), None)


def _answers(some: QuestionSet, number: int, matches: Sequence[Match]) -> Answers:
    sent = matches[:_SENT]
    return sent, [match for match in sent if some.questions[number].is_answered_in(match.passage)]


def _key(match: Match) -> tuple[str, int]:
    return match.passage.document_id, match.passage.number


def _scores(matches: Sequence[Match]) -> dict[Hashable, float]:
    return {_key(match): match.score for match in matches}


def _in_order(scores: Mapping[Hashable, float], halves: Sequence[Sequence[Match]]) -> list[Match]:
    found = {_key(match): match for half in halves for match in half}
    return sorted((found[key] for key in found if key in scores), key=lambda match: (-scores[_key(match)], _key(match)))


def _only(ranks: Mapping[str, Ranks], numbers: Sequence[int]) -> dict[str, Ranks]:
    return {rule: [of[number] for number in numbers] for rule, of in ranks.items()}


def _above_vectors(where: str, ranks: Mapping[str, Ranks]) -> Row:
    more = difference(ranks[_DEFAULT], ranks[_VECTORS])
    judged = Spread(more.mean, more.low, more.high)
    return Row(f"MRR of the default above vectors alone: {where}", judged, "", 0, at_least=True)


def _table(columns: Mapping[str, Mapping[str, Ranks]]) -> str:
    heads = [f"{name}: {measure}" for name in columns for measure in ("recall@1", "recall@5", "MRR")]
    lines = [["rule", *heads], ["---", *["---"] * len(heads)]]
    for rule in next(iter(columns.values())):
        name = f"**{rule}**" if rule == _DEFAULT else rule
        lines.append([name, *[cell for ranks in columns.values() for cell in _cells(ranks[rule])]])
    return _markdown(lines)


def _cells(ranks: Ranks) -> list[str]:
    found = quality(ranks)
    return [_short(found.recall_1.mean), _short(found.recall_5.mean), _with_ends(found.mrr)]


def _thresholds(found: Sequence[Found]) -> str:
    heads = [
        f"{each.of.name}: {what}"
        for each in found
        for what in ("kept", "kept, in few words", "passages sent", *(f"{whose} refused" for whose in each.foreign))
    ]
    lines = [["least score", *heads], ["---", *["---"] * len(heads)]]
    rows = [[f"{least:.2f}", *[cell for each in found for cell in _at(each, least)]] for least in _THRESHOLDS]
    return _markdown(lines + rows)


def _at(found: Found, least: float) -> list[str]:
    """Return how many answers are kept, how many passages are sent, and how many foreign questions refused."""
    sent = sum(match.score >= least for matches, _ in found.answers for match in matches)
    return [
        *(_short(_kept(answers, least)) for answers in (found.answers, found.in_few_words)),
        f"{sent / len(found.answers):.1f}",
        *(_short(sum(score < least for score in scores) / len(scores)) for scores in found.foreign.values()),
    ]


def _kept(answers: Sequence[Answers], least: float) -> float:
    answered = [holding for _, holding in answers if holding]
    return sum(any(match.score >= least for match in holding) for holding in answered) / len(answered)


def _compared_with_the_record(sets: Sequence[QuestionSet]) -> str:
    """Say whether the files are those of docs/adr/0020-fusion.md, by their hashes: packages come in newer versions."""
    others = [some.name for some in sets if some.digest != _OF_RECORD[some.name]]
    if not others:
        return "The files are those of the decision on fusion, to the byte."
    return f"**The files of {' and '.join(others)} are others than those of the decision on fusion.**"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _short(value: float) -> str:
    return f"{value:.3f}"


def _with_ends(interval: Interval) -> str:
    return f"{interval.mean:.3f} ({interval.low:.3f}–{interval.high:.3f})"
