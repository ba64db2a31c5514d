"""The loader of files: what kind it is, the reader of that kind, and one place where errors are translated."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llamabot.adapters.loaders.code import parse_code
from llamabot.adapters.loaders.decoding import decoded, decoded_page
from llamabot.adapters.loaders.html import parse_html
from llamabot.adapters.loaders.kinds import kind_of
from llamabot.adapters.loaders.markdown import parse_markdown
from llamabot.adapters.loaders.notebook import parse_notebook
from llamabot.adapters.loaders.parsed import NotReadable, Parsed
from llamabot.adapters.loaders.pdf import parse_pdf
from llamabot.adapters.loaders.rows import parse_csv, parse_json_lines
from llamabot.adapters.loaders.rst import parse_rst
from llamabot.ports.documents import Document
from llamabot.ports.errors import ConfigurationError, DocumentUnreadable, LlamabotError

__all__ = ["FileLoader"]

# Of the readers in this folder: another number where they give another text than before, and files are read anew.
_RULES = 1

_LONGEST_REASON = 300
_LIKE_AN_ESCAPE = re.compile("%(?=23|25)")


class FileLoader:
    """Reads text, Markdown, HTML, PDF, reStructuredText, source code, notebooks, JSON lines and CSV.

    Needs the extra `documents`.

    Args:
        text_column: of JSON lines and CSV, the one that holds the text.
        id_column: of these, the one that names a row, if it is there; without it, rows are counted.
        encoding: of files that do not say it themselves.
        most_bytes: a larger file is not read.

    Raises:
        ConfigurationError: there is no such encoding of text.
    """

    def __init__(
        self,
        *,
        text_column: str = "text",
        id_column: str = "id",
        encoding: str = "utf-8",
        most_bytes: int = 100_000_000,
    ) -> None:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ConfigurationError(f"encoding={encoding!r}: {error}; 'utf-8' and 'latin-1' are two") from error
        self._text_column, self._id_column = text_column, id_column
        self._encoding, self._most_bytes = encoding, most_bytes

    def fingerprint(self, path: Path, *, source: str) -> str:
        """Return a hash of a file's name, its bytes and the settings that change what is read of it.

        Raises:
            DocumentUnreadable: it cannot be opened, is empty or too large.
        """
        with _translated(source):
            content = _content(path, self._most_bytes)
        settings = f"{_RULES} {path.suffix!r} {self._text_column!r} {self._id_column!r} {self._encoding!r}\n"
        return hashlib.sha256(settings.encode() + content).hexdigest()

    def load(self, path: Path, *, source: str) -> tuple[Document, ...]:
        """Return the documents of a file: one, or for JSON lines and CSV one a row, with the id `source#row`.

        A `#` of the source is `%23` in the ids.

        Raises:
            DocumentUnreadable: the file cannot be read, is of no known kind, or has no text in it; with the reason.
        """
        with _translated(source):
            found = self._parsed(path.name, _content(path, self._most_bytes))
        return tuple(_document(parsed, source) for parsed in found)

    def _parsed(self, name: str, data: bytes) -> tuple[Parsed, ...]:
        kind = kind_of(name, data)
        if kind == "pdf":
            return (parse_pdf(data),)
        text = (decoded_page if kind == "html" else decoded)(data, self._encoding)
        if not text.strip():
            raise NotReadable("has nothing but white space in it")
        found = self._of_kind(kind, text)
        if not any(parsed.text.strip() for parsed in found):
            raise NotReadable("has no text")
        return found

    def _of_kind(self, kind: str, text: str) -> tuple[Parsed, ...]:
        match kind:
            case "csv":
                return parse_csv(text, self._text_column, self._id_column)
            case "json lines":
                return parse_json_lines(text, self._text_column, self._id_column)
            case "html":
                return (parse_html(text),)
            case "markdown":
                return (parse_markdown(text),)
            case "notebook":
                return (parse_notebook(text),)
            case "rst":
                return (parse_rst(text),)
            case "text":
                return (Parsed(text),)
            case language:
                return (parse_code(text, language),)


@contextmanager
def _translated(source: str) -> Iterator[None]:
    """Raise whatever a damaged file makes its parser raise as `DocumentUnreadable`, with the reason."""
    try:
        yield
    except LlamabotError:  # a missing extra is none of the file's faults
        raise
    except Exception as error:
        reason = _reason(error)
        raise DocumentUnreadable(f"{source} cannot be read: it {reason}", reason=reason) from error


def _content(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a file. A pipe or a device, which may never end, is not opened."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotReadable("is no file")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if not data:
        raise NotReadable("is empty")
    if len(data) > most_bytes:
        raise NotReadable(f"is too large: more than {most_bytes:,} bytes")
    return data


def _document(parsed: Parsed, source: str) -> Document:
    # No row of one file has the id of another file, or of its rows: a # of a name is written as in an address.
    name = _LIKE_AN_ESCAPE.sub("%25", source).replace("#", "%23")
    id_ = f"{name}#{parsed.key}" if parsed.key else name
    return Document(id_, parsed.text, parsed.metadata, source, parsed.sections, parsed.format)


def _reason(error: Exception) -> str:
    """Return why a file cannot be read, in words that go on "it …"."""
    if isinstance(error, NotReadable):
        reason = str(error)
    elif isinstance(error, OSError):
        reason = f"cannot be opened: {error.strerror or error}"
    else:
        reason = f"is damaged: {str(error) or type(error).__name__}"
    reason = " ".join(reason.split())
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…"
