"""Server-sent events in all their forms. That they are the same however they are cut is searched in `tests/fuzz`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llamabot.protocols.sse import EventParser, ServerSentEvent


def parsed(pieces: Sequence[bytes]) -> list[ServerSentEvent]:
    parser = EventParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.end()


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
