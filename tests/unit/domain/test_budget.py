"""A budget counts what a call uses, and says which limit is reached."""

from __future__ import annotations

import pytest

import llamabot as lmb
from llamabot.domain.budget import Budget
from llamabot.domain.effects import Complete
from llamabot.ports.completion import CompletionRequest, Usage
from llamabot.ports.errors import LimitReached
from llamabot.testing import TickingClock

COMPLETE = Complete(CompletionRequest(model="m", messages=()))


def after_one_decision(limits: lmb.Limits) -> Budget:
    budget = Budget(limits, TickingClock())
    budget.start()
    budget.count(COMPLETE)
    return budget


def test_an_unknown_price_ends_a_call_whose_cost_is_limited() -> None:
    budget = after_one_decision(lmb.Limits(cost_usd=1))
    with pytest.raises(LimitReached, match=r"^the price of a completion is unknown, and cost_usd") as reached:
        budget.check([COMPLETE], Usage(), None)
    assert reached.value.limit == "cost_usd"


def test_a_price_is_asked_for_only_after_a_completion() -> None:
    budget = Budget(lmb.Limits(cost_usd=1), TickingClock())
    budget.start()
    budget.check([COMPLETE], Usage(), None)


def test_the_cost_may_come_up_to_its_limit_and_not_reach_it() -> None:
    budget = after_one_decision(lmb.Limits(cost_usd=1))
    budget.check([COMPLETE], Usage(), 0.99)
    with pytest.raises(LimitReached, match=r"has reached its limit cost_usd=1; resume\(run_id, ") as reached:
        budget.check([COMPLETE], Usage(), 1.0)
    assert reached.value.limit == "cost_usd"


def test_an_unknown_price_is_no_matter_where_the_cost_is_not_limited() -> None:
    after_one_decision(lmb.Limits(decisions=2)).check([COMPLETE], Usage(), None)
