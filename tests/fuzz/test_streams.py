"""Ten thousand streams that no server should send."""

from __future__ import annotations

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from tests.fuzz.grammar import stream_of
from tests.fuzz.laws import check_answer, check_events


@pytest.mark.slow
@settings(max_examples=10_000)
@given(program=st.binary(max_size=16), cuts=st.binary(max_size=6))
def test_any_bytes_are_read_alike_however_they_are_cut(program: bytes, cuts: bytes) -> None:
    data = stream_of(program)
    note(repr(data))
    check_events(data, cuts)
    check_answer(data, cuts)


@pytest.mark.parametrize(
    "data", [b"data: a\r", b"data: a\r\n\r\n", b"\xef\xbb\xbfdata: a\n\n", b"data: [DONE]\n\ndata: {"]
)
def test_every_place_may_be_the_cut(data: bytes) -> None:
    for cut in range(len(data)):
        check_events(data, [cut])
        check_answer(data, [cut])
