"""PDF: the text of its pages, each a section, by pypdf."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llamabot.adapters.loaders.decoding import cleaned
from llamabot.adapters.loaders.parsed import NotReadable, Parsed
from llamabot.ports.documents import Section
from llamabot.ports.errors import MissingExtra

if TYPE_CHECKING:
    from pypdf import PageObject

__all__ = ["parse_pdf"]


def parse_pdf(data: bytes) -> Parsed:
    """Return the text of a PDF.

    Raises:
        NotReadable: it is encrypted with a password, a page is damaged, or there is no text in it.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError
    except ImportError as error:
        raise MissingExtra.for_package("pypdf", "documents") from error
    _silence()
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise NotReadable("is encrypted; save it without its password")
        pages = [_text(page, number) for number, page in enumerate(reader.pages, 1)]
    except DependencyError as error:
        raise NotReadable(f"is encrypted in a way that needs another package: {error}") from error
    if not any(pages):
        raise NotReadable("has no text, maybe pictures of pages; recognise their text first")
    return _joined(pages)


def _text(page: PageObject, number: int) -> str:
    from pypdf.errors import DependencyError

    try:
        return cleaned(page.extract_text()).strip()
    except DependencyError:
        raise
    except Exception as error:  # whatever: pypdf stumbles over damage in many ways
        raise NotReadable(f"is damaged on page {number}: {error}") from error


def _joined(pages: Iterable[str]) -> Parsed:
    """Return pages as one text. A sentence may go on from one page to the next, so only a line ends between them."""
    sections, texts, start = [], [], 0
    for number, page in enumerate(pages, 1):
        sections.append(Section(start, page=number))
        texts.append(page)
        start += len(page) + 1
    return Parsed("\n".join(texts), tuple(sections))


def _silence() -> None:
    """Keep what pypdf notes about odd files from being printed where nobody has set up logging."""
    logger = logging.getLogger("pypdf")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
