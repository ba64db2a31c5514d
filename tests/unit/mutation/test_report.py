"""What the document about survivors says, and what it tells of reasons."""

from __future__ import annotations

from dataclasses import replace

from mutation.report import Outcome, Reason, document, judged, share

LIVING = Outcome("src/llamabot/domain/budget.py", "Budget.start", 36, "if a:", "if b:", "lived")
KILLED = replace(LIVING, outcome="killed")
UNREACHED = replace(LIVING, function="_rare", outcome="unreached")


def test_only_what_the_tests_noticed_is_killed() -> None:
    assert share([LIVING, KILLED, UNREACHED, replace(LIVING, outcome="impossible")]) == 0.25


def test_a_survivor_has_the_first_reason_that_covers_it() -> None:
    other, first, second = Reason("of another", file="run.py"), Reason("first", change="if a"), Reason("second")
    found = judged([KILLED, LIVING], [other, first, second])
    assert found.living == [(LIVING, first)]
    assert found.idle == [other, second]


def test_a_survivor_without_a_reason_is_told() -> None:
    reasons = [Reason("x", function="Budget.*")]
    assert judged([LIVING, UNREACHED, KILLED], reasons).without == [UNREACHED]


def test_a_reason_covers_by_file_function_and_text_together() -> None:
    right = Reason("x", "budget.py", "Budget.start", r"a: → if b")
    assert right.covers(LIVING)
    assert not replace(right, file="run.py").covers(LIVING)
    assert not replace(right, function="Budget").covers(LIVING)
    assert not replace(right, change="c:").covers(LIVING)


def test_the_document_counts_and_lists_what_it_was_given() -> None:
    text = document([KILLED, LIVING, UNREACHED], [Reason("It is the same", function="*.start")], {"Python": "3"})
    assert "33.3% of 3 changes are killed (goal: 90%): 100.0% of 0 changes of a text alone, 33.3% of 3 others." in text
    assert "| `budget.py` | 3 | 1 | 1 | 1 | 33.3% |" in text
    assert "It is the same:\n\n- `budget.py:36` `Budget.start`: `if a: → if b:`\n" in text
    assert "No reason is known yet:\n\n- `budget.py:36` `_rare`" in text


def test_the_document_of_a_suite_that_notices_all_lists_none() -> None:
    assert document([KILLED], [], {}).endswith("## Survivors\n\nNone.\n")


def test_a_change_of_a_text_alone_is_told_from_others() -> None:
    said = replace(LIVING, old='raise X("No model", model)', new='raise X("XXNo modelXX", model)')
    assert said.is_wording
    assert replace(said, new='raise X("NO MODEL", model)').is_wording
    assert not replace(said, new='raise X("No model", None)').is_wording
    assert not LIVING.is_wording


def test_a_file_is_told_by_its_place_in_the_domain() -> None:
    inside = replace(LIVING, file="src/llamabot/domain/graph/walker.py")
    assert "| `graph/walker.py` | 1 |" in document([inside], [], {})
    assert Reason("x", file="graph/*").covers(inside)


def test_a_late_one_needs_no_reason_and_may_have_one() -> None:
    late = replace(LIVING, outcome="late")
    assert judged([late], []).without == []
    assert "Late: " in document([late], [], {})
    assert "It is the same:" in document([late], [Reason("It is the same")], {})
