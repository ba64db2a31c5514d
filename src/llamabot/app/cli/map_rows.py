"""The rows that `llamabot map` reads, and those that it writes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from llamabot.domain.answer import Answer
from llamabot.domain.encoding import kept
from llamabot.domain.mapping.item import MapItem
from llamabot.domain.result import ValueNotKept
from llamabot.ports.errors import UsageError
from llamabot.ports.messages import AssistantMessage

__all__ = ["PIPE", "Answers", "Row", "Rows", "rows_of", "written"]

PIPE = Path("-")
_FIRST = b'{"index":0,'
"""What the first line of a file of ours begins with."""


class Row(msgspec.Struct, frozen=True):
    """A line of the input.

    Attributes:
        number: of the line, from 1.
        data: what it holds.
        problem: why it holds nothing; None if it does.
    """

    number: int
    data: Any = None
    problem: str | None = None

    def text(self, field: str) -> str:
        """Return what the bot is asked: the row itself if it is text, else a field of it.

        Raises:
            UsageError: there is no such text.
        """
        text: str = self.data if isinstance(self.data, str) else self._field("field", field, str, "text")
        return text

    def key(self, field: str) -> str | int:
        """Return what names the row.

        Raises:
            UsageError: there is nothing that could.
        """
        key: str | int = self._field("key", field, str | int, "a text or a number")
        return key

    def _field(self, option: str, name: str, kind: Any, wanted: str) -> Any:
        where = f"line {self.number}"
        if self.problem is not None:
            raise UsageError(f"{where} is not JSON: {self.problem}")
        if not isinstance(self.data, dict):
            raise UsageError(f"{where} is no row with fields, so --{option} {name} is not in it")
        if name not in self.data:
            raise UsageError(f"{where} has no field {name!r}; there are {', '.join(map(repr, self.data)) or 'none'}")
        if not isinstance(self.data[name], kind) or isinstance(self.data[name], bool):
            raise UsageError(f"{where} has {name!r}, but it is not {wanted}")
        return self.data[name]


class Rows:
    """The rows of a file, which can be counted; read anew each time, a line at a time. Blank lines are none.

    Raises:
        UsageError: there is no such file.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise UsageError(f"there is no file {str(file)!r}")
        self._file = file

    def __len__(self) -> int:
        with self._file.open("rb") as lines:
            return sum(not line.isspace() for line in lines)

    def __iter__(self) -> Iterator[Row]:
        with self._file.open("rb") as lines:
            yield from _rows(lines)


def rows_of(file: Path) -> Iterable[Row]:
    """Return the rows of a file; of stdin, and of what else can be read but once, as they come."""
    if file == PIPE:
        return _rows(_stdin())
    return _once(file) if _is_stream(file) else Rows(file)


def _once(file: Path) -> Iterator[Row]:
    with file.open("rb") as lines:
        yield from _rows(lines)


def _stdin() -> BinaryIO:
    """Return stdin, by a reader of its own: who leaves a thread in the other one's hands cannot end the process."""
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except OSError:  # it is no file
        return sys.stdin.buffer


class Answers:
    """The file that answers go to, or stdout.

    It is opened with the first answer, and begun anew: what an earlier try wrote is written again from the log, and a
    line that was torn is whole.

    Args:
        out: the file, or `-` for stdout.
        rows: the file that is read.
        goes_on: an earlier try may have written it.

    Raises:
        UsageError: something is in there that would be lost.
    """

    def __init__(self, out: Path, rows: Path, *, goes_on: bool) -> None:
        self._out = out
        self._file = sys.stdout.buffer if out == PIPE else None
        if out != PIPE:
            _check(out, rows, goes_on=goes_on)

    def write(self, line: bytes) -> None:
        """Write a line, to be seen at once."""
        if self._file is None:
            self._file = self._out.open("wb")
        self._file.write(line)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.write(b"")  # no answers are a file too
        if self._file is not None and self._out != PIPE:
            self._file.close()


def written(item: MapItem[Any], key: str | None) -> bytes:
    """Return the line of an item."""
    line: dict[str, Any] = {"index": item.index}
    if key is not None:
        line["key"] = item.input.data.get(key) if isinstance(item.input.data, dict) else None
    if item.error is None:
        line["value"] = _told(item.value)
    else:
        line["error"] = {"type": type(item.error).__name__, "message": str(item.error)}
    line |= {"usage": item.usage, "cost_usd": item.cost_usd, "run_id": item.run_id}
    return msgspec.json.encode(line) + b"\n"


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            yield Row(number, msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf")))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Row(number, problem=str(error))


def _check(out: Path, rows: Path, *, goes_on: bool) -> None:
    begins = _beginning(out)
    if begins and rows != PIPE and out.samefile(rows):
        raise UsageError(f"{str(out)!r} cannot be read and written at once: name another file with --out")
    if begins and not goes_on:
        raise UsageError(f"{str(out)!r} is there already: --resume NAME goes on with its job, or name another file")
    if not (begins.startswith(_FIRST) or _FIRST.startswith(begins)):
        raise UsageError(f"{str(out)!r} holds something else than answers of `llamabot map`: name another file")


def _is_stream(path: Path) -> bool:
    """Say whether a path is of a pipe, a terminal or the like: `<(…)` and `>(…)` of a shell are."""
    return path.exists() and not (path.is_file() or path.is_dir())


def _beginning(out: Path) -> bytes:
    if _is_stream(out):
        return b""
    try:
        with out.open("rb") as file:
            return file.read(len(_FIRST))
    except FileNotFoundError:
        return b""


def _told(value: Any) -> Any:
    """Return what is written of a bot's value."""
    if isinstance(value, AssistantMessage):
        return value.text
    if isinstance(value, Answer):
        return {"text": value.text, "citations": [str(match.passage.place) for match in value.citations]}
    if isinstance(value, ValueNotKept):
        return value.text
    data, text = kept(value)
    return data if text is None else text
