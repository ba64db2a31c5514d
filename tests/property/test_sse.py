"""Server-sent events are the same whatever way their bytes are split, and those that the standard says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.protocols.sse import EventParser, ServerSentEvent

# What decides between events, more often than chance would have it.
_pieces = st.sampled_from(
    [
        *(b"data:", b"data: ", b"data", b"event: error", b"id: 1", b": hi", b"x", b" ", b":"),
        *(b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n"),
        *("{é}".encode(), b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\x00", b"\xff"),
    ]
)
streams = st.lists(_pieces | st.binary(max_size=3), max_size=24).map(b"".join)
cuts = st.lists(st.integers(0, 200), max_size=8)


def parsed(pieces: Sequence[bytes]) -> list[ServerSentEvent]:
    parser = EventParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.end()


def split(data: bytes, where: Sequence[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in where})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


@given(streams, cuts)
def test_gives_the_same_events_for_any_split(data: bytes, where: list[int]) -> None:
    assert parsed(split(data, where)) == parsed([data])
    assert parsed([bytes([byte]) for byte in data]) == parsed([data])


@given(streams, cuts)
def test_gives_what_the_standard_says(data: bytes, where: list[int]) -> None:
    ended = data + b"\n\n"  # what is not ended, the standard leaves out
    assert parsed(split(ended, where)) == by_the_letter(ended)


def by_the_letter(data: bytes) -> list[ServerSentEvent]:
    """Parse a whole stream as the standard tells it, step by step."""
    events, buffer, name = [], b"", ""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in text.split(b"\n")[:-1]:
        if not line:
            if buffer:
                events.append(ServerSentEvent(buffer.removesuffix(b"\n"), name))
            buffer, name = b"", ""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                buffer += value + b"\n"
            elif field == b"event":
                name = value.decode("utf-8", "replace")
    return events


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (b"data: a\n\n", [ServerSentEvent(b"a")]),
        (b"data:a\r\rdata:b\r\n\r\n", [ServerSentEvent(b"a"), ServerSentEvent(b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [ServerSentEvent(b"a")]),
        (b"event: error\ndata: a\ndata:\ndata: b\n\n", [ServerSentEvent(b"a\n\nb", "error")]),
        (b": hi\n\nevent: ping\n\nid: 1\nretry: 5\n\n", []),
        (b"data\n\n", [ServerSentEvent(b"")]),
        (b"data: a\n", [ServerSentEvent(b"a")]),
        (b"data: a", [ServerSentEvent(b"a")]),
    ],
)
def test_reads_every_form_of_an_event(data: bytes, event: list[ServerSentEvent]) -> None:
    assert parsed([data]) == event


def test_reads_a_line_of_twenty_megabytes_in_small_pieces() -> None:
    """A parser that looks at a line's beginning again for each piece takes far longer than a test may."""
    line = b"data: " + b"x" * 20_000_000
    events = parsed([line[at : at + 200] for at in range(0, len(line), 200)] + [b"\n\n"])
    assert [len(event.data) for event in events] == [20_000_000]
