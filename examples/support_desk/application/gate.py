"""The gate before refunds: the domain's policy, asked about calls of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

import llamabot as lmb
from support_desk.application.clerk import REFUND
from support_desk.application.ports import Orders, Today
from support_desk.domain.orders import DomainError, Money
from support_desk.domain.refunds import RefundPolicy, Ruling, Verdict
from support_desk.domain.tickets import Ticket

POLICY = "policy"


class _Asked(msgspec.Struct):
    """The arguments of a refund."""

    euros: float


class RefundGate:
    """Answers for the policy, where it can answer; a colleague has to where it cannot."""

    def __init__(self, policy: RefundPolicy, orders: Orders, today: Today) -> None:
        self._policy = policy
        self._orders = orders
        self._today = today

    def rulings(self, ticket: Ticket, calls: Sequence[lmb.ToolCall]) -> list[Ruling]:
        """Return what the policy says to each call of one decision."""
        order = self._orders.get(ticket.order) if ticket.order else None
        amounts = [_amount(call) for call in calls]
        known = [amount for amount in amounts if amount is not None]
        ruled = iter(self._policy.rule(order, known, self._today()) if order else [])
        unread = Ruling(Verdict.REFUSED, "This is no refund of an order.")
        return [unread if amount is None else next(ruled, unread) for amount in amounts]

    def answers(self, ticket: Ticket, calls: Sequence[lmb.ToolCall]) -> Mapping[str, lmb.Approved | lmb.Denied]:
        """Return the policy's answer to every call, or nothing where any of them needs a colleague."""
        rulings = self.rulings(ticket, calls)
        if any(ruling.verdict is Verdict.NEEDS_APPROVAL for ruling in rulings):
            return {}
        return {call.id: _answer(ruling) for call, ruling in zip(calls, rulings, strict=True)}


def _answer(ruling: Ruling) -> lmb.Approved | lmb.Denied:
    return (
        lmb.Approved(by=POLICY)
        if ruling.verdict is Verdict.GRANTED
        else lmb.Denied(ruling.reason.rstrip("."), by=POLICY)
    )


def _amount(call: lmb.ToolCall) -> Money | None:
    """Return how much a call would pay back, None where it cannot be read."""
    try:
        return Money.of(msgspec.json.decode(call.arguments, type=_Asked).euros) if call.name == REFUND else None
    except (msgspec.MsgspecError, DomainError):
        return None
