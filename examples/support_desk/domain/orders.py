"""Orders, and the money that was paid for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation


class DomainError(Exception):
    """What the desk must not do; the message may be shown to a customer."""


@dataclass(frozen=True, order=True)
class Money:
    """An amount in euros, in whole cents, never below nothing."""

    cents: int = 0

    def __post_init__(self) -> None:
        if self.cents < 0:
            raise DomainError("An amount cannot be less than nothing.")

    @classmethod
    def of(cls, euros: float | str) -> Money:
        """Return an amount as somebody wrote it.

        Raises:
            DomainError: it is no number of whole cents.
        """
        try:
            cents = Decimal(str(euros)) * 100
            if cents != cents.to_integral_value():
                raise DomainError(f"{euros} EUR has fractions of a cent.")
            return cls(int(cents))
        except (InvalidOperation, OverflowError, ValueError) as error:
            raise DomainError(f"{euros!r} is no amount in euros.") from error

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - other.cents)

    def __str__(self) -> str:
        return f"{self.cents // 100}.{self.cents % 100:02d} EUR"


@dataclass(frozen=True)
class Order:
    """What somebody bought, and how much of the price was paid back since."""

    id: str
    customer: str
    item: str
    paid: Money
    bought_on: date
    refunded: Money = Money()

    @property
    def refundable(self) -> Money:
        """What can still be paid back."""
        return self.paid - self.refunded

    def with_refund(self, amount: Money) -> Order:
        """Return the order after an amount was paid back.

        Raises:
            DomainError: it is nothing, or more than is left of the price.
        """
        if not Money() < amount <= self.refundable:
            raise DomainError(f"Between 0.01 EUR and {self.refundable} can be paid back for {self.id}, not {amount}.")
        return replace(self, refunded=self.refunded + amount)
