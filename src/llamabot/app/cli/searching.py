"""`llamabot search`: passages of the document store, the closest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabot.app.cli.stores import filled_store
from llamabot.app.cli.terminal import display, say, visible
from llamabot.ports.documents import Match, Scalar
from llamabot.ports.errors import UsageError

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

__all__ = ["search"]

_INDENT = 4


def search(query: str, *, place: Path | None, k: int, where: Sequence[str]) -> None:
    """Print the passages that are closest to a query: their rank, score and place, and the text below."""
    filters = dict(map(_filter, where))
    with filled_store(place) as (store, told):
        matches = store.search(query, k=k, where=filters or None)
    if not matches:
        say(f"nothing fits in {told}")
        return
    display(*_pages(matches))


def _pages(matches: Sequence[Match]) -> Iterator[ConsoleRenderable]:
    from rich.padding import Padding
    from rich.text import Text

    for rank, match in enumerate(matches, 1):
        place = str(match.passage.place) or match.passage.document_id
        yield Text.assemble(
            (f"{rank}", "bold"), f"  {match.score:.3f}  ", (visible(place).replace("\n", " "), "bold cyan")
        )
        yield Padding(Text(visible(match.passage.text)), (0, 0, 1, _INDENT), expand=False)


def _filter(text: str) -> tuple[str, Scalar]:
    """Return a filter: a number, true, false and null are these, all else is text, also what is in quotes."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--where {text!r} is not of the form name=value")
    try:
        return name, msgspec.json.decode(value, type=str | int | float | bool | None)
    except (msgspec.DecodeError, RecursionError):
        return name, value
