"""Ten thousand streams that no server should send."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from tests.fuzz.grammar import stream_of
from tests.fuzz.laws import check_answer, check_events


@pytest.mark.slow
@settings(max_examples=500)
@given(program=st.binary(max_size=16), cuts=st.binary(max_size=6), seed=st.integers(0, 2**32 - 1))
def test_any_bytes_are_read_alike_however_they_are_cut(program: bytes, cuts: bytes, seed: int) -> None:
    """Each example brings nineteen streams more: to let hypothesis draw one takes five times as long as to read it."""
    _check(program, cuts)
    random = Random(seed)
    for _ in range(19):
        _check(random.randbytes(random.randrange(17)), random.randbytes(random.randrange(7)))


@pytest.mark.parametrize(
    "data", [b"data: a\r", b"data: a\r\n\r\n", b"\xef\xbb\xbfdata: a\n\n", b"data: [DONE]\n\ndata: {"]
)
def test_every_place_may_be_the_cut(data: bytes) -> None:
    for cut in range(len(data)):
        check_events(data, [cut])
        check_answer(data, [cut])


def _check(program: bytes, cuts: bytes) -> None:
    data = stream_of(program)
    note(repr((data, cuts)))
    check_events(data, cuts)
    check_answer(data, cuts)
