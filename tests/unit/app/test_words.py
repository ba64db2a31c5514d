"""What the command line makes of times, numbers and hostile text."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.app.cli.formats import cost_text, duration_text, moment_text, usage_text
from llamabot.app.cli.local import size_text
from llamabot.app.cli.since import parse_since
from llamabot.app.cli.terminal import visible
from llamabot.ports.completion import Usage
from llamabot.ports.errors import UsageError


@pytest.mark.parametrize(
    ("length_ns", "text"),
    [
        (-5, "0.0 ms"),
        (400_000, "0.4 ms"),
        (212_000_000, "212 ms"),
        (1_840_000_000, "1.84 s"),
        (13_300_000_000, "13.3 s"),
        (59_999_000_000, "60.0 s"),
        (123_000_000_000, "2 min 03 s"),
    ],
)
def test_says_durations_with_three_digits(length_ns: int, text: str) -> None:
    assert duration_text(length_ns) == text


@pytest.mark.parametrize(
    ("cost_usd", "text"),
    [(None, ""), (0, "$0"), (0.0000012, "$0.000001"), (0.00123, "$0.0012"), (0.5, "$0.5"), (12.345, "$12.35")],
)
def test_says_prices_and_leaves_unknown_ones_out(cost_usd: float | None, text: str) -> None:
    assert cost_text(cost_usd) == text


def test_says_tokens_and_what_is_special_among_them() -> None:
    assert usage_text(Usage(1212, 48)) == "1,212 in, 48 out"
    assert usage_text(Usage(10, 20, cached_tokens=4, reasoning_tokens=9)) == "10 in, 20 out (4 cached, 9 reasoning)"
    assert (size_text(98_362_432), size_text(1_500_000_000)) == ("98 MB", "1.5 GB")


def test_says_moments_in_local_time() -> None:
    assert moment_text(0) == datetime.fromtimestamp(0).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30m", timedelta(minutes=30)),
        ("90 min", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_reads_times_that_lie_back(text: str, ago: timedelta) -> None:
    assert abs(datetime.now().astimezone() - ago - parse_since(text)) < timedelta(seconds=5)


def test_reads_dates_as_local_and_keeps_a_zone() -> None:
    assert parse_since("2026-11-22") == datetime(2026, 11, 22).astimezone()
    assert parse_since("2026-11-22T08:30Z") == datetime.fromisoformat("2026-11-22T08:30+00:00")


@pytest.mark.parametrize("text", ["yesterday", "", "3 apples", "9999999999999d", "2026-13-01"])
def test_says_how_times_are_written(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        parse_since(text)


def test_shows_escapes_instead_of_obeying_them() -> None:
    assert visible("\x1b[31mred\x1b]0;title\x07 \x9b2J\x7f") == "␛[31mred␛]0;title␇ �2J␡"
    assert visible("a\r\nb\tc\rd") == "a\nb\tcd"


@given(st.text())
def test_lets_no_control_character_through(text: str) -> None:
    left = {character for character in visible(text) if ord(character) < 32 or 0x7F <= ord(character) < 0xA0}
    assert left <= {"\n", "\t"}


@given(st.text(), st.text())
def test_shows_a_text_alike_however_it_is_split(first: str, second: str) -> None:
    assert visible(first) + visible(second) == visible(first + second)
