"""What a run says of the answers that it takes."""

from __future__ import annotations

from llamabot.domain.approvals import Approved, Denied
from llamabot.domain.awaited import Awaited
from llamabot.ports.recorder import RunStatus
from llamabot.ports.tools import ToolResult

PAUSED = RunStatus.PAUSED


def test_names_what_it_waits_for() -> None:
    assert str(Awaited("run", PAUSED, frozenset("ba"))) == "it waits for approvals= of 'a', 'b'"
    both = Awaited("run", PAUSED, frozenset("a"), frozenset("c"))
    assert str(both) == "it waits for approvals= of 'a' and outcomes= of 'c'"
    assert str(Awaited("run", RunStatus.COMPLETED)) == "it is completed and waits for nobody's answer"


def test_takes_an_answer_that_it_waits_for_or_was_given_before() -> None:
    told = ToolResult("c", "paid")
    waits = Awaited("run", PAUSED, frozenset("a"), frozenset("d"), {"b": Approved()}, {"c": told})
    assert waits.takes("a", Denied())
    assert waits.takes("b", Approved())
    assert not waits.takes("b", Denied()), "another answer than before"
    assert waits.takes("c", told)
    assert not waits.takes("c", ToolResult("c", "lost"))
    assert waits.takes("d", ToolResult("d", "paid"))
    assert not waits.takes("a", ToolResult("a", "paid")), "it has not begun: it waits for approval"
    assert not waits.takes("e", Approved())
