"""Answers of HTTP/1.1 are read alike however they are split, and nothing is a crash."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.laws import pieces as split

from llamabot.adapters.wire.http1 import AnswerReader, NoHttp

cuts = st.lists(st.integers(0, 200), max_size=8)
_names = st.sampled_from([b"X-One", b"x-one", b"Content-Type", b"Retry-After", b"Server"])
_values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8).map(str.encode)
_lines = st.lists(st.builds(lambda name, value: name + b": " + value, _names, _values), max_size=4)
_bodies = st.binary(max_size=60)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return a whole answer, and its body."""
    body, lines = draw(_bodies), draw(_lines)
    match draw(st.sampled_from(["length", "chunks", "closed"])):
        case "length":
            lines.append(b"Content-Length: %d" % len(body))
            written = body
        case "chunks":
            lines.append(b"Transfer-Encoding: chunked")
            pieces = [piece for piece in split(body, draw(cuts)) if piece]
            extension = draw(st.sampled_from([b"", b";a=b", b" "]))
            written = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
            written += b"0\r\n" + draw(st.sampled_from([b"", b"X-Sum: 1\r\n"])) + b"\r\n"
        case _:
            written = body
    draw(st.randoms()).shuffle(lines)
    before = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    status = draw(st.sampled_from([b"200 OK", b"429 Slow down", b"500 "]))
    return before + b"HTTP/1.1 " + b"\r\n".join([status, *lines]) + b"\r\n\r\n" + written, body


def read(pieces: Sequence[bytes]) -> tuple[int, dict[str, str], bytes]:
    """Return what a reader makes of an answer, and of the end of the connection behind it."""
    reader = AnswerReader()
    body = b"".join(map(reader.feed, pieces))
    reader.end()
    assert reader.is_over
    return reader.status, dict(reader.headers), body


@given(answers(), cuts)
def test_reads_an_answer_whatever_way_it_is_split(answer: tuple[bytes, bytes], where: list[int]) -> None:
    written, body = answer
    whole = read([written])
    assert whole[2] == body
    assert read(split(written, where)) == whole
    assert read([bytes([byte]) for byte in written]) == whole


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_noise = st.sampled_from(
    [
        *(HEAD, b"HTTP/1.", b"\r\n", b"\n", b"Content-Length: ", b"5", b"Transfer-Encoding: chunked\r\n", b": "),
        *(b"0\r\n\r\n", b"zz\r\n", b"a\r\n", b"\x00", b"ffffffffffffffff\r\n"),
    ]
)


@given(st.lists(_noise | st.binary(max_size=4), max_size=14))
def test_never_crashes(pieces: list[bytes]) -> None:
    for data in (pieces, [HEAD, *pieces], [CHUNKED, *pieces]):
        with suppress(NoHttp):
            read(data)


WRONG: dict[str, tuple[bytes, bytes]] = {
    "another protocol": (b"SSH-2.0-x", b""),
    "another version": (b"HTTP/2 200 OK\r\n\r\n", b""),
    "a status that is none": (b"HTTP/1.1 099 No\r\n\r\n", b""),
    "a header without a name": (HEAD + b": x\r\n\r\n", b""),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b""),
    "a length with a sign": (HEAD + b"Content-Length: +1\r\n\r\na", b""),
    "another coding": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b""),
    "a head that never ends": (HEAD + b"X-One: a\r\n" * 10_000, b""),
    "a chunk without a size": (CHUNKED + b"2\r\nab\r\nzz\r\n", b"ab"),
    "a size with a sign": (CHUNKED + b"2\r\nab\r\n-2\r\n", b"ab"),
    "a chunk that is too long": (CHUNKED + b"2\r\nabc\r\n", b"ab"),
    "a line that never ends": (CHUNKED + b"2\r\nab\r\n1" + b"0" * 10_000, b"ab"),
    "an end in the head": (b"HTTP/1.1 200 OK\r\nX-", b""),
    "an end in the body": (HEAD + b"Content-Length: 5\r\n\r\nab", b"ab"),
    "an end in a chunk": (CHUNKED + b"5\r\nab", b"ab"),
    "an end between chunks": (CHUNKED + b"2\r\nab\r\n", b"ab"),
}


@pytest.mark.parametrize(("written", "good"), WRONG.values(), ids=WRONG)
def test_says_what_is_wrong_and_gives_what_was_good_before(written: bytes, good: bytes) -> None:
    for pieces in ([written], [bytes([byte]) for byte in written]):
        reader, body = AnswerReader(), b""

        def all_of_it(reader: AnswerReader = reader, pieces: Sequence[bytes] = pieces) -> Any:
            nonlocal body
            for piece in pieces:
                body += reader.feed(piece)
            reader.end()

        with pytest.raises(NoHttp):
            all_of_it()
        assert body == good
        with pytest.raises(NoHttp):
            reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("written", "keeps_alive", "has_more"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\nab", True, False),
        (CHUNKED + b"2\r\nab\r\n0\r\n\r\n", True, False),
        (HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nab", False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nab", False, False),
        (HEAD + b"\r\nab", False, False),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", False, False),
        (HEAD + b"Content-Length: 2\r\n\r\nabHTTP/1.1", True, True),
        (CHUNKED + b"2\r\nab\r\n0\r\n\r\nx", True, True),
        (b"HTTP/1.1 204 No Content\r\n\r\nx", True, True),
    ],
)
def test_says_whether_another_answer_may_follow(written: bytes, keeps_alive: bool, has_more: bool) -> None:
    reader = AnswerReader()
    reader.feed(written)
    assert (reader.keeps_alive, reader.has_more) == (keeps_alive, has_more)
