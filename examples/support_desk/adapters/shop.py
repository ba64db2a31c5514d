"""Orders and tickets in the desk's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import date

from support_desk.adapters.database import Database
from support_desk.domain.orders import DomainError, Money, Order
from support_desk.domain.tickets import Ticket

_ORDER = """\
SELECT id, customer, item, paid_cents, bought_on,
    (SELECT coalesce(sum(cents), 0) FROM refunds WHERE order_id = orders.id)
FROM orders WHERE id = ?"""


class SqliteOrders:
    """Keeps the shop's orders; an `Orders`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, orders: Iterable[Order]) -> None:
        """Add orders; one that is known stays as it is."""
        rows = [(o.id, o.customer, o.item, o.paid.cents, o.bought_on.isoformat()) for o in orders]
        with self._database.writing() as file:
            file.executemany("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?)", rows)

    def get(self, order_id: str) -> Order | None:
        """Return an order, or None if there is none of that id."""
        with self._database.reading() as file:
            return _order(file, order_id)

    def pay_back(self, order_id: str, amount: Money, key: str) -> Order:
        """Pay a part of the price back, once for each key, and return the order after it.

        Raises:
            DomainError: more than is left of the price, or no such order.
        """
        with self._database.writing() as file:
            order = _order(file, order_id)
            if order is None:
                raise DomainError("There is no such order.")
            if file.execute("SELECT 1 FROM refunds WHERE key = ?", (key,)).fetchone():
                return order
            after = order.with_refund(amount)
            file.execute("INSERT INTO refunds VALUES (?, ?, ?)", (key, order_id, amount.cents))
            return after


class SqliteTickets:
    """Keeps the desk's tickets; a `Tickets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, ticket: Ticket) -> None:
        """Keep a new ticket."""
        with self._database.writing() as file:
            file.execute("INSERT INTO tickets VALUES (?, ?, ?)", (ticket.id, ticket.customer, ticket.order))

    def get(self, ticket_id: str) -> Ticket | None:
        """Return a ticket, or None if there is none of that id."""
        with self._database.reading() as file:
            row = file.execute("SELECT id, customer, order_id FROM tickets WHERE id = ?", (ticket_id,)).fetchone()
        return Ticket(*row) if row else None


def _order(file: sqlite3.Connection, order_id: str) -> Order | None:
    row = file.execute(_ORDER, (order_id,)).fetchone()
    if row is None:
        return None
    id_, customer, item, paid, bought_on, refunded = row
    return Order(id_, customer, item, Money(paid), date.fromisoformat(bought_on), Money(refunded))
