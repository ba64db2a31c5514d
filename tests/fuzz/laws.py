"""What holds for the reading of any bytes, however they are split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import CompletionChunk
from llamabot.ports.errors import BadCompletion, StreamTruncated
from llamabot.protocols.chat_completions import ProviderFailed, StreamReading
from llamabot.protocols.sse import EventParser, ServerSentEvent

__all__ = ["check_answer", "check_events", "pieces"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BYTE_BY_BYTE = 60  # so many at the beginning of a stream come one by one
Read = tuple[list[CompletionChunk], str]


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Return the data cut at these places, counted from the start and modulo its length."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def check_events(data: bytes, cuts: Sequence[int]) -> None:
    """The events are those of the standard, wherever the bytes are cut; what broke off is the last one at the end."""
    expected = list(_by_the_standard(data))
    unended = list(_by_the_standard(data + b"\n\n"))[len(expected) :]
    everywhere = range(min(len(data), _BYTE_BY_BYTE))
    for parts in (pieces(data, cuts), pieces(data, everywhere)):
        parser = EventParser()
        assert [event for part in parts for event in parser.feed(part)] == expected
        assert parser.end() == unended


def check_answer(data: bytes, cuts: Sequence[int]) -> None:
    """An answer is the same wherever the bytes are cut, and ends well or with an error of ours; it always assembles."""
    whole = _read([data])
    assert _read(pieces(data, cuts)) == whole
    assembler = Assembler()
    for chunk in whole[0]:
        assembler.feed(chunk)
    assembler.message()


def _read(parts: Iterable[bytes]) -> Read:
    reading, chunks = StreamReading(), []
    try:
        for part in parts:
            chunks += reading.feed(part)
        chunks += reading.end()
    except (BadCompletion, ProviderFailed, StreamTruncated) as error:
        return chunks, f"{type(error).__name__}: {error}"
    return chunks, ""


def _by_the_standard(data: bytes) -> Iterator[ServerSentEvent]:
    """Yield the events, in as few words as the standard has."""
    *lines, _ = _LINE_END.split(data.removeprefix(b"\xef\xbb\xbf"))
    fields: list[bytes] = []
    name = b""
    for line in lines:
        if not line:
            if fields:
                yield ServerSentEvent(b"\n".join(fields), name.decode("utf-8", "replace"))
            fields, name = [], b""
        field, _, value = line.partition(b":")
        if field == b"data":
            fields.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
