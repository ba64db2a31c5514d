"""What the clerk, an agent, can do for a customer: look at the ticket's order, and pay back.

The model says how much, never for whom: order and customer come from the ticket, which is the run's state.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

import llamabot as lmb
from support_desk.application.ports import Orders
from support_desk.domain.orders import DomainError, Money, Order
from support_desk.domain.tickets import Ticket

REFUND = "refund"


class ClerkTools:
    """Tools on the shop's orders."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    @lmb.tool
    def look_up_order(self, context: lmb.RunContext[Ticket]) -> str:
        """Return what the customer bought, when, for how much, and what was paid back since."""
        order = self._order(context.state)
        return f"{order.id}: {order.item}, {order.paid}, bought on {order.bought_on}, {order.refunded} paid back so far"

    @lmb.tool(name=REFUND, needs_approval=True)
    def refund(self, euros: Annotated[float, msgspec.Meta(gt=0)], context: lmb.RunContext[Ticket]) -> str:
        """Pay so many euros back for the customer's order."""
        order = self._order(context.state)
        after = self._orders.pay_back(order.id, Money.of(euros), context.idempotency_key)
        return f"{Money.of(euros)} were paid back for {order.id}; {after.refundable} could still be."

    def _order(self, ticket: Ticket) -> Order:
        order = self._orders.get(ticket.order) if ticket.order else None
        if order is None:
            raise DomainError("This ticket is about no order.")
        return order
