"""Files that cannot be read, and any bytes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.integration.loaders.loading import Load
from tests.pdfs import encrypted_pdf, pdf

from llamabot.adapters.loaders import FileLoader
from llamabot.ports.errors import DocumentUnreadable


def _zip(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "x" * 100)
    return packed.getvalue()


UNREADABLE = {
    "empty.txt": (b"", "is empty"),
    "blank.md": (b" \n\n", "white space"),
    "latin.txt": ("eins\nGrüße".encode("latin-1"), "is not in utf-8: there is a byte 0xfc in line 2"),
    "half.txt": ("Grüße".encode("utf-16")[:-1], "is not in utf-16"),
    "binary.txt": (b"\x00\x01words", "is binary"),
    "control.txt": (b"\x01\x02\x03words", "is binary"),
    "binary.html": (b"<p>\x00\xff\xfe", "is binary"),
    "report.docx": (_zip("word/document.xml"), "is a zip archive or an office document"),
    "damaged.zip": (_zip("x")[:40], "is a zip archive"),
    "old.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old office document"),
    "photo.txt": (b"\x89PNG\r\n", "is a picture"),
    "named.pdf": (b"words", "is no PDF"),
    "half.pdf": (pdf(["Words"])[:200], "is damaged"),
    "damaged.pdf": (pdf(["Words"]).replace(b"endstream", b"x"), "is damaged on page 1"),
    "locked.pdf": (encrypted_pdf(["Words"], "secret"), "is encrypted"),
    "scan.pdf": (pdf(["", ""]), "has no text"),
    "circle.pdf": (pdf(["a", "b"]).replace(b"[3 0 R 5 0 R]", b"[2 0 R 2 0 R]"), "is damaged"),
    "tags.html": (b"<html><script>words</script>", "has no text"),
    "deep.ipynb": (b'{"deep":' + b"[" * 100_000, "is no notebook"),
    "old.ipynb": (b'{"worksheets": [], "nbformat": 3}', "is no notebook of format 4"),
    "deep.jsonl": (b'{"text": "a"}\n{"text":' + b"[" * 100_000, "has no JSON in line 2"),
    "broken.jsonl": (b'{"text": "a"}\n{"text": ', "has no JSON in line 2"),
    "list.jsonl": (b'["text"]', "has no object in line 1"),
    "number.jsonl": (b'{"text": 1}', "has an int where the text should be, in line 1"),
    "columns.jsonl": (b'{"body": "a", "n": 1}', "has no column 'text' in line 1, but 'body', 'n'"),
    "twice.jsonl": (b'{"text": "a", "id": 1}\n{"text": "b", "id": "1"}', "has two rows with the id '1'"),
    "columns.csv": (b"body,n\na,1\n", "has no column 'text' in line 2, but 'body', 'n'"),
    "above.csv": (b"\n\nbody,n\na,1\n", "has no column 'text' in line 4, but 'body', 'n'"),
    "quotes.csv": (b'text\n"a', "is no CSV: line 2:"),
    "long.csv": (
        b"text\n" + b"a" * 200_000,
        "has a field of more than 131,072 characters in line 2",
    ),
    "header.csv": (b"text,n\n", "has no text"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(load: Load, name: str) -> None:
    content, reason = UNREADABLE[name]
    with pytest.raises(DocumentUnreadable, match=f"papers/{name} cannot be read: it ") as raised:
        load(name, content)
    assert reason in raised.value.reason
    assert str(raised.value).endswith(raised.value.reason)
    assert len(raised.value.reason) <= 300


def test_a_file_that_is_too_large_is_not_read(load: Load) -> None:
    with pytest.raises(DocumentUnreadable, match="is too large: more than 1,000 bytes"):
        load("a.txt", "x" * 1001, most_bytes=1000)
    assert load("a.txt", "x" * 1000, most_bytes=1000)[0].text == "x" * 1000


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "closed.txt").write_text("words")
    (tmp_path / "closed.txt").chmod(0)
    reasons = {"pipe": "no file", "round": "cannot be opened", "missing": "No such file", ".": "no file"}
    if os.geteuid():
        reasons["closed.txt"] = "Permission denied"
    for name, reason in reasons.items():
        with pytest.raises(DocumentUnreadable, match=reason):
            FileLoader().load(tmp_path / name, source=name)


SUFFIXES = [".txt", ".md", ".html", ".pdf", ".rst", ".py", ".ipynb", ".jsonl", ".csv", ".tsv", ""]
PIECES = [b"# a\n", b"a\n===\n", b"<p>", b"<h1>", b'{"text": "a"}\n', b"text,b\n", b'"', b"\r", b'"\\ud800"']
ODD = [b"\xff\xfe", b"%PDF-", b"\xed\xa0\x80", b"PK\x03\x04"]


@settings(max_examples=150)
@given(st.sampled_from(SUFFIXES), st.lists(st.sampled_from(PIECES + ODD) | st.binary(max_size=8)).map(b"".join))
@example(".jsonl", b'{"text": "a\\u0000b\\r", "n\\u0000": "\\u0000"}')
@example(".jsonl", b'{"text": "a\\ud800"}')
@example(".txt", "a\0b".encode("utf-16"))
@example(".ipynb", b'{"cells": [{"cell_type": "markdown", "source": "a\\r\\ud800"}]}')
@example(".html", b"<pre>a&#0;&#xd800;\r\nb")
def test_any_bytes_are_documents_that_a_store_can_hold_or_are_refused(suffix: str, content: bytes) -> None:
    path = Path(f"any{suffix}")
    path.write_bytes(content)
    try:
        documents = FileLoader().load(path, source="any")
    except DocumentUnreadable:
        return
    assert documents == FileLoader().load(path, source="any")
    assert len({document.id for document in documents}) == len(documents) > 0
    for document in documents:
        assert document.text.strip()
        assert "\0" not in document.text
        assert "\r" not in document.text
        json.dumps([document.id, document.text, dict(document.metadata)], ensure_ascii=False).encode()
        starts = [section.start for section in document.sections]
        assert starts == sorted(starts)
        assert all(0 <= start <= len(document.text) for start in starts)
