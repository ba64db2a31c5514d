"""Perl's documentation as Markdown: its headings stay headings, its codes become the words in them."""

from __future__ import annotations

import html
import re

__all__ = ["markdown"]

_PARAGRAPHS = re.compile(r"\n[ \t]*\n+")
_HEADING = re.compile(r"=head(\d)\s+(.*)", re.DOTALL)
_ITEM = re.compile(r"=item\s+(.*)", re.DOTALL)
_COMMAND = re.compile(r"=(\w+)")
_INNERMOST = re.compile(r"([A-Z])(?:<<+\s+((?:(?![A-Z]<).)*?)\s+>>+|<([^<>]*)>)", re.DOTALL)
_FORMS = ("begin", "end")
_BULLETS = ("*", "")


def markdown(pod: str) -> str:
    """Return a page. Comments and what is meant for other formats are left out."""
    blocks: list[str] = []
    left_out = False
    for paragraph in _PARAGRAPHS.split(pod):
        command = _COMMAND.match(paragraph)
        if command and command[1] in _FORMS:
            left_out = command[1] == "begin"
        elif not left_out and (block := _block(paragraph, is_command=command is not None)):
            blocks.append(block)
    return "\n\n".join(blocks) + "\n"


def _block(paragraph: str, *, is_command: bool) -> str:
    if heading := _HEADING.match(paragraph):
        return f"{'#' * int(heading[1])} {' '.join(_plain(heading[2]).split())}"
    if item := _ITEM.match(paragraph):
        return "" if item[1].strip() in _BULLETS else f"- {_plain(item[1])}"
    if is_command:
        return ""
    return paragraph.rstrip() if paragraph.startswith((" ", "\t")) else _plain(paragraph).strip()


def _plain(text: str) -> str:
    """Return the words of a text without its codes, from the innermost outwards."""
    while (plain := _INNERMOST.sub(lambda found: _meant(found[1], found[2] or found[3] or ""), text)) != text:
        text = plain
    return text.replace("\x01", "<").replace("\x02", ">")


def _meant(code: str, inside: str) -> str:
    if code in "XZ":
        return ""
    if code == "E":
        meant = html.unescape(f"&{inside};")
        return {"lt": "\x01", "gt": "\x02", "verbar": "|", "sol": "/"}.get(inside, meant)
    if code == "L":
        return _link(inside)
    return inside.replace("<", "\x01").replace(">", "\x02")


def _link(inside: str) -> str:
    if "|" in inside:
        return inside.partition("|")[0]
    page, _, section = inside.partition("/") if "://" not in inside else (inside, "", "")
    return " in ".join(part for part in (section.strip('"'), page) if part)
