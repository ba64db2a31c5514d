"""Files of every kind as they are on a disk, whole, odd and broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.loaders.loading import Load
from tests.pdfs import encrypted_pdf, pdf

from llamabot.adapters.loaders import FileLoader
from llamabot.adapters.loaders.decoding import cleaned
from llamabot.ports.documents import Document, Section
from llamabot.ports.errors import ConfigurationError, DocumentUnreadable


def _under(document: Document, heading: tuple[str, ...]) -> str:
    """Return the beginning of the section of that heading."""
    (start,) = (section.start for section in document.sections if section.heading == heading)
    return document.text[start:].split("\n")[0]


def test_text_is_one_document_that_is_called_by_its_source(load: Load) -> None:
    assert load("a.txt", "Words.\r\nMore.\r") == (Document("papers/a.txt", "Words.\nMore.\n", source="papers/a.txt"),)


def test_lines_above_the_header_of_a_csv_are_nothing(load: Load) -> None:
    assert load("a.csv", "\r\n\ntext;n\nOne.;1\n") == load("a.csv", "text;n\nOne.;1\n")


@pytest.mark.parametrize("encoding", ["utf-9", "hex"])
def test_an_encoding_that_is_none_is_no_fault_of_a_file_s(encoding: str) -> None:
    with pytest.raises(ConfigurationError, match=f"encoding='{encoding}'"):
        FileLoader(encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_byte_order_mark_is_read_by_it(load: Load, encoding: str) -> None:
    assert load("a.txt", "Grüße 字".encode(encoding))[0].text == "Grüße 字"


def test_text_in_another_encoding_is_read_if_that_is_named(load: Load) -> None:
    assert load("a.txt", "Grüße".encode("latin-1"), encoding="latin-1")[0].text == "Grüße"


def test_markdown_headings_are_sections(load: Load) -> None:
    head = "---\ntitle: no heading\n---\n# Pets\n\n## Cats `and` *dogs*\n\n"
    text = head + "```\n# no heading\n```\n\n> # quoted\n\nCars\n====\n"
    (document,) = load("a.md", text)
    assert (document.text, document.format) == (text, "markdown")
    assert [section.heading for section in document.sections] == [("Pets",), ("Pets", "Cats and dogs"), ("Cars",)]
    assert _under(document, ("Cars",)) == "Cars"


PAGE = """<!DOCTYPE html><html><head><title>T</title><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav><h1>Pets<a class="headerlink">¶</a></h1>
<p>A <b>cat</b> &amp; a&nbsp;dog:
 they<br>play.</p><script>bad("<p>")</script><ul><li>one</li><li><p>two</p></li></ul>
<h2>Code</h2><pre>  def f():
    pass</pre><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
<p hidden>unseen<p>seen<!-- unseen --><svg><text>unseen</text></svg>
<div role="navigation"><h3>Table of contents</h3></div><span aria-hidden="true">unseen</span></body></html>"""


def test_a_page_is_read_as_its_reader_sees_it(load: Load) -> None:
    (document,) = load("a.html", PAGE)
    assert document.text == (
        "Pets\n\nA cat & a dog: they\nplay.\n\n- one\n- two\n\nCode\n\n  def f():\n    pass\n\na | b\n1 | 2\n\nseen"
    )
    assert [section.heading for section in document.sections] == [("Pets",), ("Pets", "Code")]
    assert _under(document, ("Pets", "Code")) == "Code"


def test_a_page_needs_no_suffix_to_be_known(load: Load) -> None:
    assert load("download", "\n<!doctype HTML><p>Words.")[0].text == "Words."


@pytest.mark.parametrize(
    "page",
    [
        '<meta charset="iso-8859-1"><p>Grüße'.encode("latin-1"),
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>Grüße'.encode("latin-1"),
        '<?xml version="1.0" encoding="utf-8"?><html><p>Grüße</p></html>'.encode(),
        "<p>Grüße".encode(),
        "<p>Grüße".encode("windows-1252"),
        '<meta charset="no such one"><p>Grüße'.encode(),
        "<p>Grüße".encode("utf-16"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_says_or_as_browsers_do(load: Load, page: bytes) -> None:
    assert load("a.html", page)[0].text == "Grüße"


ENTITY_BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {name} '&{inner};&{inner};&{inner};&{inner};&{inner};&{inner};&{inner};&{inner};'>"
    for inner, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


def test_entities_of_a_page_s_own_are_not_expanded_and_nothing_is_fetched(load: Load) -> None:
    outside = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><link rel=x href="http://127.0.0.1:1/">'
    assert len(load("a.html", ENTITY_BOMB + "]><p>&k;</p>")[0].text) < 3_000
    assert load("b.html", outside + "<p>&f; seen<img src='file:///etc/hostname'></p>")[0].text.endswith("&f; seen")


@pytest.mark.parametrize("unit", ["<div>", "<p><b i=1>", "<a ", "<svg>"])
def test_a_hostile_page_is_read_in_a_time_that_grows_with_its_length_alone(load: Load, unit: str) -> None:
    # With the square of it, these would take minutes.
    assert load("a.html", "<p>seen</p>" + unit * (1_000_000 // len(unit)))[0].text.startswith("seen")


def test_each_page_of_a_pdf_is_a_section(load: Load) -> None:
    (document,) = load("a.pdf", pdf(["One (1)\nand more", "", "Three"]))
    assert document.text == "One (1)\nand more\n\nThree"
    assert document.sections == (Section(0, page=1), Section(17, page=2), Section(18, page=3))


def test_a_pdf_is_known_by_its_content_and_opened_without_a_password_where_none_is_needed(load: Load) -> None:
    assert load("paper", pdf(["One"]))[0].text == "One"
    assert load("a.pdf", encrypted_pdf(["One"], ""))[0].text == "One"


RST = """=====
Title
=====

Intro with ====== in it.

Sub :ref:`x`
------------

text::

    No title
    --------

Row  Row
---- ----

Next
-----
A list of things
that goes on
------------

=======
No title
-------
"""


def test_titles_of_restructured_text_are_sections(load: Load) -> None:
    (document,) = load("a.rst", RST)
    assert document.text == RST
    assert [section.heading for section in document.sections] == [("Title",), ("Title", "Sub x"), ("Title", "Next")]
    assert _under(document, ("Title", "Next")) == "Next"


CODE = '''import x


@x.decorated
class Queue:
    """Things that wait."""

    async def first(self):
        return 1

    size = 3


def last(): ...
x.run(r"\\d", "\\d")
'''


def test_classes_and_functions_of_python_are_sections(load: Load) -> None:
    (document,) = load("a.py", CODE)
    assert (document.text, document.format) == (CODE, "python")
    assert document.sections[0] == Section(CODE.index("@x.decorated"), ("Queue",))
    assert _under(document, ("Queue", "first")) == "    async def first(self):"
    assert _under(document, ("last",)) == "def last(): ..."
    assert document.sections[-1].heading == ()
    assert document.text[document.sections[-1].start :].startswith("x.run")


@pytest.mark.parametrize("code", ["print 'old'\n", "(" * 5000, "def f(:\n", "-" * 100_000 + "1", "a." * 50_000 + "b"])
def test_code_that_does_not_parse_is_still_text(load: Load, code: str) -> None:
    assert load("a.py", code)[0].text == code


def test_code_of_other_languages_says_which(load: Load) -> None:
    assert load("a.rs", "fn main() {}")[0].format == "rust"


def test_a_notebook_is_its_cells_without_outputs(load: Load) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Data\n", "Words."]},
        {"cell_type": "code", "source": "print('```')", "outputs": [{"text": "unseen"}]},
        {"cell_type": "code", "source": ""},
    ]
    notebook = {"cells": cells, "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}
    (document,) = load("a.ipynb", json.dumps(notebook))
    assert document.text == "# Data\nWords.\n\n````python\nprint('```')\n````"
    assert (document.format, document.sections) == ("markdown", (Section(0, ("Data",)),))


def test_each_line_of_json_is_a_document_with_what_is_scalar_as_metadata(load: Load) -> None:
    lines = ['{"text": "One.", "lang": "en", "n": 1, "tags": ["x"]}', "", '{"text": "Two.", "id": 7, "big": 1e400000}']
    lines[2] = '{"text": "Two.", "id": 7, "big": 99999999999999999999}'
    assert load("a.jsonl", "\n".join([*lines, '{"text": ""}'])) == (
        Document("papers/a.jsonl#1", "One.", {"lang": "en", "n": 1}, "papers/a.jsonl"),
        Document("papers/a.jsonl#7", "Two.", {"id": 7}, "papers/a.jsonl"),
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_each_row_of_a_csv_is_a_document(load: Load, separator: str) -> None:
    rows = [["name", "body"], ["a", '"One,; ""quoted""\nand two lines."'], ["b", "Two."]]
    content = "\n".join(separator.join(row) for row in rows)
    assert load("a.csv", content, text_column="body", id_column="name") == (
        Document("papers/a.csv#a", 'One,; "quoted"\nand two lines.', {"name": "a"}, "papers/a.csv"),
        Document("papers/a.csv#b", "Two.", {"name": "b"}, "papers/a.csv"),
    )


def test_text_is_cleaned_of_what_no_store_can_hold() -> None:
    assert cleaned("a\r\nb\rc\0d\ud800e") == "a\nb\ncd\ufffde"


def test_the_fingerprint_changes_with_the_content_and_with_the_settings_that_change_what_is_read() -> None:
    def fingerprint(content: str, name: str = "a.csv", **settings: object) -> str:
        Path(name).write_text(content)
        return FileLoader(**settings).fingerprint(Path(name), source="a")  # type: ignore[arg-type]  # any of them

    same = [fingerprint("text\na"), fingerprint("text\na"), fingerprint("text\na", most_bytes=7)]
    others = [
        fingerprint("text\nb"),
        fingerprint("text\na", "a.txt"),
        fingerprint("text\na", text_column="body"),
        fingerprint("text\na", id_column="n"),
        fingerprint("text\na", encoding="latin-1"),
    ]
    assert len({*same}) == 1
    assert len({*same, *others}) == 6
    with pytest.raises(DocumentUnreadable, match="a cannot be read: it is empty"):
        fingerprint("")
