"""Questions that nobody here wrote, the documents with their answers, and many others around them.

A question is the heading of a section in a list of frequent questions; that section's passages answer it.
"""

from __future__ import annotations

import bisect
import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.debian import unpacked
from benchmarks.faq import Question, asked_in
from benchmarks.pod import markdown
from llamabot.adapters.loaders import FileLoader
from llamabot.ports.documents import Document

__all__ = ["DEBIAN", "QuestionSet", "about_debian", "in_few_words", "perl", "python", "without_headings"]

DEBIAN = "debian-faq"
_PYTHON, _PERL = "python3.11-doc", "perl-doc"
_PYTHON_PAGES = Path("usr/share/doc/python3.11/html")
_PERL_PAGES = "usr/share/perl/*/pod/*.pod"
_DEBIAN_PAGES = "usr/share/doc/debian/FAQ/*.en.html"
_NUMBER = re.compile(r"[\d.]+ ")
_PERL_LEFT_OUT = re.compile(
    r"perl(\d*delta|toc|uniprops|api|intern)"
)  # changes, lists of headings, characters, C functions
_FEW = 3
_LITTLE = """
a am an and any are as at be between but by can can't could do does doesn't don't for from get had has have how i if in
into is isn't it its me my not of on one or should so some that the there these this to was we were what when where
which who why will with would you your
"""
_SAYING_LITTLE = frozenset(_LITTLE.split())


class QuestionSet(msgspec.Struct, frozen=True):
    """Questions, and the documents to find their answers in.

    Attributes:
        digest: SHA-256 of the files that were read; a package may come in a newer version with the same ones.
    """

    name: str
    package: str
    digest: str
    questions: Sequence[Question]
    documents: Sequence[Document]


def python() -> QuestionSet:
    """Return the questions of Python's FAQ, with the whole library reference."""
    folder = unpacked(_PYTHON) / _PYTHON_PAGES
    paths = [path for part in ("faq", "library") for path in sorted((folder / part).glob("*.html"))]
    sources = [(path, path.relative_to(folder).as_posix()) for path in paths]
    return _set("Python", _PYTHON, _digest(paths), sources, "faq/")


def perl() -> QuestionSet:
    """Return the questions of perlfaq, with Perl's manual."""
    found = sorted(unpacked(_PERL).glob(_PERL_PAGES))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{path.stem}.md" for path in found if not _PERL_LEFT_OUT.fullmatch(path.stem)]
        pods = {path.stem: path for path in found}
        for path in paths:
            path.write_text(markdown(pods[path.stem].read_text(encoding="utf-8")), encoding="utf-8")
        digest = _digest(pods[path.stem] for path in paths)
        return _set("Perl", _PERL, digest, [(path, path.name) for path in paths], "perlfaq")


def about_debian() -> list[str]:
    """Return the questions of Debian's FAQ, which neither of the sets answers."""
    paths = sorted(unpacked(DEBIAN).glob(_DEBIAN_PAGES))
    documents = [document for path in paths for document in FileLoader().load(path, source=path.name)]
    return [_NUMBER.sub("", question.text, count=1) for question in _questions(documents)]


def in_few_words(question: str) -> str:
    """Return the first words of a question that carry meaning, as people type them who search."""
    words = [
        word for word in re.findall(r"[\w'’]+", question) if word.casefold().replace("’", "'") not in _SAYING_LITTLE
    ]
    return " ".join(words[:_FEW]) or question


def without_headings(some: QuestionSet) -> QuestionSet:
    """Return the same set without the lines that are a question word by word: headings, and tables of contents."""
    asked = {question.text for question in some.questions}
    faq = {question.document_id for question in some.questions}
    documents = [_without(document, asked) for document in some.documents]
    questions = _questions(document for document in documents if document.id in faq)
    return msgspec.structs.replace(some, questions=questions, documents=documents)


def _digest(paths: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


def _set(name: str, package: str, digest: str, paths: Iterable[tuple[Path, str]], faq: str) -> QuestionSet:
    loader = FileLoader()
    documents = [document for path, source in paths for document in loader.load(path, source=source)]
    of_faq = [document for document in documents if document.id.startswith(faq)]
    return QuestionSet(name, package, digest, _questions(of_faq), documents)


def _questions(documents: Iterable[Document]) -> list[Question]:
    return [question for document in documents for question in asked_in(document)]


def _without(document: Document, lines: set[str]) -> Document:
    kept: list[str] = []
    gone: list[tuple[int, int]] = [(0, 0)]  # up to this place, so many characters
    place = 0
    for line in document.text.splitlines(keepends=True):
        place += len(line)
        if line.strip(" \n-#") in lines:
            gone.append((place, gone[-1][1] + len(line)))
        else:
            kept.append(line)
    if len(gone) == 1:
        return document
    sections = [
        msgspec.structs.replace(section, start=section.start - gone[bisect.bisect(gone, (section.start, 0)) - 1][1])
        for section in document.sections
    ]
    return msgspec.structs.replace(document, text="".join(kept), sections=tuple(sections))
