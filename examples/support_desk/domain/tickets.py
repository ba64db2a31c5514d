"""Tickets: who asks, and about what."""

from __future__ import annotations

from dataclasses import dataclass

from support_desk.domain.orders import DomainError, Order


@dataclass(frozen=True)
class Ticket:
    """A conversation with a customer.

    Attributes:
        order: the id of the customer's own order that it is about, or None for a general question.
    """

    id: str
    customer: str
    order: str | None = None

    @classmethod
    def about(cls, id_: str, customer: str, order: Order | None) -> Ticket:
        """Return a new ticket.

        Raises:
            DomainError: the order is somebody else's.
        """
        if order is not None and order.customer != customer:
            raise DomainError("You have no such order.")
        return cls(id_, customer, order.id if order else None)
