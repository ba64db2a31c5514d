"""The rules of the house, as laws."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_desk.domain.orders import DomainError, Money, Order
from support_desk.domain.refunds import RefundPolicy, Verdict
from support_desk.domain.tickets import Ticket

TODAY = date(2026, 3, 1)
POLICY = RefundPolicy()
amounts = st.lists(st.integers(0, 20_000).map(Money), max_size=5)
orders = st.builds(
    Order,
    id=st.just("A-1"),
    customer=st.just("ana"),
    item=st.just("a lamp"),
    paid=st.integers(0, 20_000).map(Money),
    bought_on=st.dates(TODAY - timedelta(days=60), TODAY),
)


@given(orders, amounts)
def test_grants_no_more_than_the_limit_however_it_is_split(order: Order, asked: list[Money]) -> None:
    rulings = POLICY.rule(order, asked, TODAY)
    granted = [one for one, ruling in zip(asked, rulings, strict=True) if ruling.verdict is Verdict.GRANTED]
    assert sum(one.cents for one in granted) <= POLICY.limit.cents


@given(orders, amounts)
def test_lets_no_more_through_than_was_paid(order: Order, asked: list[Money]) -> None:
    rulings = POLICY.rule(order, asked, TODAY)
    passed = [one for one, ruling in zip(asked, rulings, strict=True) if ruling.verdict is not Verdict.REFUSED]
    assert sum(one.cents for one in passed) <= order.paid.cents
    assert Money() not in passed


@pytest.mark.parametrize(("days", "verdict"), [(30, Verdict.GRANTED), (31, Verdict.NEEDS_APPROVAL)])
def test_asks_a_colleague_after_thirty_days(days: int, verdict: Verdict) -> None:
    order = Order("A-1", "ana", "a lamp", Money.of(20), TODAY - timedelta(days=days))
    assert POLICY.rule(order, [Money.of(20)], TODAY)[0].verdict is verdict


@pytest.mark.parametrize(("euros", "verdict"), [("50", Verdict.GRANTED), ("50.01", Verdict.NEEDS_APPROVAL)])
def test_asks_a_colleague_above_the_limit(euros: str, verdict: Verdict) -> None:
    order = Order("A-1", "ana", "a lamp", Money.of(180), TODAY)
    assert POLICY.rule(order, [Money.of(euros)], TODAY)[0].verdict is verdict


@pytest.mark.parametrize("euros", ["nan", "inf", "-1", "0.001", "much", float("nan")])
def test_takes_no_amount_that_is_none(euros: str | float) -> None:
    with pytest.raises(DomainError):
        Money.of(euros)


@given(st.integers(0, 10**9))
def test_reads_every_amount_as_it_writes_it(cents: int) -> None:
    money = Money(cents)
    assert Money.of(str(money).removesuffix(" EUR")) == Money.of(cents / 100) == money


def test_opens_no_ticket_about_the_order_of_somebody_else() -> None:
    order = Order("A-1", "ana", "a lamp", Money.of(180), TODAY)
    assert Ticket.about("t", "ana", order).order == "A-1"
    with pytest.raises(DomainError, match="no such order"):
        Ticket.about("t", "bo", order)
