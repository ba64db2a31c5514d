"""Which refunds the desk makes by itself, and which wait for a colleague."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from support_desk.domain.orders import DomainError, Money, Order

LIMIT = Money(50_00)
WINDOW = timedelta(days=30)


class Verdict(StrEnum):
    """What the policy says."""

    GRANTED = "granted"
    NEEDS_APPROVAL = "needs approval"
    REFUSED = "refused"


@dataclass(frozen=True)
class Ruling:
    """A verdict, and why in words."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class RefundPolicy:
    """The rules of the house.

    Attributes:
        limit: most that one order gets back without a colleague, all its refunds together.
        window: how long after the purchase.
    """

    limit: Money = LIMIT
    window: timedelta = WINDOW

    def rule(self, order: Order, amounts: Sequence[Money], today: date) -> list[Ruling]:
        """Return a ruling for each refund that is asked for at once.

        They are looked at as if those before were paid, so that nobody gets more by asking twice.
        """
        rulings = []
        for amount in amounts:
            try:
                order = order.with_refund(amount)
            except DomainError as error:
                rulings.append(Ruling(Verdict.REFUSED, str(error)))
            else:
                rulings.append(self._of(order, today))
        return rulings

    def _of(self, order: Order, today: date) -> Ruling:
        if order.refunded > self.limit:
            return Ruling(Verdict.NEEDS_APPROVAL, f"{order.id} would get back more than {self.limit}")
        if today - order.bought_on > self.window:
            return Ruling(Verdict.NEEDS_APPROVAL, f"{order.id} was bought more than {self.window.days} days ago")
        return Ruling(Verdict.GRANTED, f"up to {self.limit} within {self.window.days} days")
