"""What the application needs of the world, beside LlamaBot's own ports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Protocol

from llamabot.ports.memory import MemoryPort
from support_desk.domain.orders import Money, Order
from support_desk.domain.tickets import Ticket


class Orders(Protocol):
    """The shop's orders."""

    def get(self, order_id: str) -> Order | None:
        """Return an order, or None if there is none of that id."""

    def pay_back(self, order_id: str, amount: Money, key: str) -> Order:
        """Pay a part of the price back, and return the order after it.

        Law: with the same key it is done once, however often it is asked for.

        Raises:
            DomainError: more than is left of the price, or no such order.
        """


class Tickets(Protocol):
    """The desk's tickets."""

    def add(self, ticket: Ticket) -> None:
        """Keep a new ticket."""

    def get(self, ticket_id: str) -> Ticket | None:
        """Return a ticket, or None if there is none of that id."""


Threads = Callable[[str], MemoryPort]
"""The conversation of a ticket, by the ticket's id."""

Today = Callable[[], date]
