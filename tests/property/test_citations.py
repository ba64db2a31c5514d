"""Whatever form a citation has, the numbers in it are found, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llamabot.domain.answer import answer_from
from llamabot.domain.citations import cited_numbers
from llamabot.ports.documents import Match, Passage, Place
from llamabot.testing import strategies

Citation = tuple[str, tuple[int, ...]]
"""A bracket, and the numbers that it cites."""

_numbers = st.integers(1, 999)
_brackets = st.sampled_from(["[]", "［］", "【】"])
_prose = st.text(st.sampled_from("ab ,.()'Ω链\n😀1"), max_size=12)


@st.composite
def citations(draw: st.DrawFn) -> Citation:
    """Citations in any form that models give them."""
    left, right = draw(_brackets)
    if draw(st.booleans()):
        first, last = sorted(draw(st.tuples(_numbers, _numbers)))
        last = min(last, first + 5)
        return f"{left}{first}{draw(st.sampled_from('-–—'))}{last}{right}", tuple(range(first, last + 1))
    numbers = draw(st.lists(_numbers, min_size=1, max_size=4))
    mark = draw(
        st.sampled_from(["", "^", "#", "Passage ", "source ", "Source: ", "doc", "Doc_", "citation:", "cite: "])
    )
    between = draw(st.sampled_from([",", ", ", "; ", " ", " and ", ", and ", "，", "、"]))
    written = draw(st.sampled_from([str, _raised]))
    return left + between.join(f"{mark}{written(number)}" for number in numbers) + right, tuple(numbers)


def _raised(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))


@given(parts=st.lists(st.tuples(_prose, citations()), max_size=5), end=_prose)
def test_all_that_is_cited_is_found_once_in_the_order_of_first_use(parts: list[tuple[str, Citation]], end: str) -> None:
    text = " ".join(f"{prose} {bracket}" for prose, (bracket, _) in parts) + f" {end}"
    cited = [number for _, (_, numbers) in parts for number in numbers]
    assert cited_numbers(text) == tuple(dict.fromkeys(cited))


@given(citations=st.lists(citations(), min_size=1, max_size=3), fence=st.sampled_from(["`", "``", "```\n", "~~~\n"]))
def test_nothing_is_cited_in_code(citations: list[Citation], fence: str) -> None:
    code = " ".join(bracket for bracket, _ in citations)
    end = f"\n{fence}" if fence.endswith("\n") else fence
    assert cited_numbers(f"So:\n{fence}{code}{end}") == ()
    assert cited_numbers(f"So:\n{fence}{code}{end}\nas told [7]") == (7,)


@given(text=strategies.broken_texts(max_size=60) | st.text(st.sampled_from("[]【1 29,-`~\n^†a_.=0"), max_size=40))
def test_any_text_is_read_and_what_is_found_stands_in_it(text: str) -> None:
    numbers = cited_numbers(text)
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number < 1000 for number in numbers)
    if not any(mark in text for mark in "[【［"):
        assert numbers == ()


@given(before=st.sampled_from(["a", "x", "sys.argv", "my_list", "a[0]"]), number=st.integers(0, 99))
def test_an_element_of_a_list_is_not_cited(before: str, number: int) -> None:
    assert cited_numbers(f"Take {before}[{number}] of it") == ()


@given(
    number=_numbers,
    what=st.sampled_from(
        ["[p. {}]", "[pp. {}-999]", "[page {}]", "[{}:0]", "m[{}", "({})", "x²", "[{} of 9]", "[docs/{}]"]
    ),
)
def test_a_page_and_what_is_no_number_alone_is_not_cited(number: int, what: str) -> None:
    assert cited_numbers(f"It says so {what.format(number)}.") == ()


@given(number=st.integers(1000, 99_999) | st.just(0), beside=st.lists(_numbers, max_size=2))
def test_a_bracket_with_a_year_is_not_cited(number: int, beside: list[int]) -> None:
    assert cited_numbers(f"Since then [{', '.join(map(str, [*beside, number]))}].") == ()


@given(text=st.lists(citations(), max_size=4), count=st.integers(0, 12))
def test_an_answer_cites_its_own_sources_and_counts_the_rest(text: Sequence[Any], count: int) -> None:
    sources = tuple(Match(Passage(f"d{n}", 0, "text", Place("", 0, 4)), 1 / n) for n in range(1, count + 1))
    answer = answer_from(" ".join(bracket for bracket, _ in text), sources)
    numbers = dict.fromkeys(number for _, numbers in text for number in numbers)
    assert answer.citations == tuple(sources[number - 1] for number in numbers if number <= count)
    assert answer.unknown_citations == sum(number > count for number in numbers)
