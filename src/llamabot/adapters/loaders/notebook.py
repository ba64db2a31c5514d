"""Jupyter notebooks: their Markdown cells as they are, their code in fences. Outputs are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from llamabot.adapters.loaders.decoding import cleaned
from llamabot.adapters.loaders.markdown import parse_markdown
from llamabot.adapters.loaders.parsed import NotReadable, Parsed

__all__ = ["parse_notebook"]


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _Kernel(msgspec.Struct):
    language: str = ""


class _About(msgspec.Struct):
    kernelspec: _Kernel = msgspec.field(default_factory=_Kernel)


class _Notebook(msgspec.Struct):
    cells: list[_Cell]
    metadata: _About = msgspec.field(default_factory=_About)


def parse_notebook(text: str) -> Parsed:
    """Return a notebook as Markdown."""
    try:
        notebook = msgspec.json.decode(text, type=_Notebook)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotReadable(f"is no notebook of format 4: {error}") from error
    return parse_markdown(cleaned("\n\n".join(_blocks(notebook))))


def _blocks(notebook: _Notebook) -> Iterator[str]:
    for cell in notebook.cells:
        source = "".join(cell.source).strip("\n")
        if cell.cell_type == "code" and source:
            longest = max(map(len, re.findall("`+", source)), default=0)
            fence = "`" * max(3, longest + 1)
            yield f"{fence}{notebook.metadata.kernelspec.language}\n{source}\n{fence}"
        elif source:
            yield source
