"""Web pages: the text that a reader sees, and its headings. The page is somebody else's: nothing in it is obeyed.

lxml reads it as a stream of tags, so that no tree grows, however deep the tags are nested; the time goes with the
page's length alone. Entities are those of HTML, nothing is fetched, and scripts, styles and navigation are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from llamabot.adapters.loaders.decoding import cleaned
from llamabot.adapters.loaders.parsed import Parsed, nested_sections
from llamabot.ports.errors import MissingExtra

__all__ = ["parse_html"]

_LEFT_OUT = frozenset({
    "audio", "button", "canvas", "datalist", "embed", "head", "iframe", "map", "nav", "noscript", "object", "script",
    "select", "style", "svg", "template", "video",
})  # fmt: skip
_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img",
    "input", "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var", "wbr",
})  # fmt: skip
_ROLES_LEFT_OUT = ("navigation", "search")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = ("td", "th")
_CLOSE_TOGETHER = ("li", "tr", "dd", "dt", "option")
_EMPTY = ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")


def parse_html(text: str) -> Parsed:
    """Return the text of a page, its blocks apart by blank lines, items of lists and rows of tables by line ends."""
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingExtra.for_package("lxml", "documents") from error
    page = _Page()
    reader = etree.HTMLParser(target=page, no_network=True, encoding="utf-8")
    reader.feed(text.encode())
    reader.close()
    return Parsed(page.text, nested_sections(page.headings))


class _Page:
    """Takes in tags and text, as lxml finds them.

    Attributes:
        text: of the page so far.
        headings: where each starts in the text, its level, its words.
    """

    def __init__(self) -> None:
        self.headings: list[tuple[int, int, str]] = []
        self._blocks: list[str] = []
        self._length = 0
        self._pieces: list[str] = []
        self._gap = ""
        self._bullet = ""
        self._verbatim = 0
        self._left_out = ""  # the tag of the element that is left out, with all that is in it
        self._depth = 0  # of that tag in itself

    @property
    def text(self) -> str:
        return "".join(self._blocks)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        if self._left_out:
            self._depth += tag == self._left_out
        elif tag not in _EMPTY and _is_left_out(tag, attributes):
            self._left_out, self._depth = tag, 1
        elif tag == "br":
            self._pieces.append("\n")
        elif tag in _CELLS:
            if "".join(self._pieces).strip():
                self._pieces.append(" | ")
        elif tag not in _INLINE:
            self._end_block()
            self._widen_gap(tag)
            self._verbatim += tag == "pre"
            if tag == "li":
                self._bullet = "- "

    def end(self, tag: str) -> None:
        """End an element."""
        if self._left_out:
            self._depth -= tag == self._left_out
            if not self._depth:
                self._left_out = ""
        elif tag not in _INLINE and tag not in _CELLS and tag != "br":
            self._end_block(level=_HEADINGS.get(tag, 0))
            self._widen_gap(tag)
            self._verbatim -= tag == "pre" and self._verbatim > 0

    def data(self, text: str) -> None:
        """Take in text; its white space means nothing but in a `pre`."""
        if not self._left_out:
            self._pieces.append(text if self._verbatim else text.replace("\n", " "))

    def comment(self, text: str) -> None:
        """Leave out a comment."""

    def close(self) -> None:
        """End the page."""
        self._end_block()

    def _widen_gap(self, tag: str) -> None:
        if not self._bullet:  # what follows one at once stays with it
            self._gap = max(self._gap, "\n" if tag in _CLOSE_TOGETHER else "\n\n", key=len)

    def _end_block(self, *, level: int = 0) -> None:
        raw, self._pieces = "".join(self._pieces), []
        text = cleaned(raw).strip("\n") if self._verbatim else _tidied(raw)
        if not text.strip():
            return
        text, self._bullet = self._bullet + text, ""
        self._add(self._gap if self._blocks else "")
        self._gap = ""
        if level:
            text = text.rstrip("¶ ")  # the link that documentation tools put behind a heading
            self.headings.append((self._length, level, " ".join(text.split())))
        self._add(text)

    def _add(self, text: str) -> None:
        self._blocks.append(text)
        self._length += len(text)


def _is_left_out(tag: str, attributes: Mapping[str, str]) -> bool:
    """Say whether an element is nothing to read: hidden, or there to find one's way about."""
    hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
    return tag in _LEFT_OUT or hidden or attributes.get("role") in _ROLES_LEFT_OUT


def _tidied(text: str) -> str:
    lines = (" ".join(line.split()) for line in cleaned(text).split("\n"))
    return "\n".join(line for line in lines if line)
