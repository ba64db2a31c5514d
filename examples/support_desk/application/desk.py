"""The use cases: open a ticket, ask, see what waits, decide about it, go on after a crash.

The log of runs is the one record of what is under way: nothing is kept here, so any process can do any of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

import llamabot as lmb
from llamabot.ports.recorder import RecorderPort
from support_desk.application.events import DeskEvent, Failed, Waits, translated
from support_desk.application.gate import RefundGate
from support_desk.application.ports import Orders, Threads, Tickets
from support_desk.domain.orders import DomainError
from support_desk.domain.tickets import Ticket

LOG = logging.getLogger("support_desk")
Approval: TypeAlias = lmb.Approved | lmb.Denied
Bot: TypeAlias = lmb.AsyncAgentBot | lmb.AsyncQueryBot
Stream: TypeAlias = Any  # of either bot


class NotNow(DomainError):
    """The ticket waits for a colleague."""


@dataclass(frozen=True)
class Pending:
    """A call that waits for a colleague, and why the policy does not decide about it."""

    run_id: str
    ticket: Ticket
    call: lmb.ToolCall
    reason: str


@dataclass(frozen=True)
class Desk:
    """What can be done at the desk. Holds no state of a conversation.

    Attributes:
        clerk: an agent that can look at an order and pay back; for tickets about an order.
        librarian: answers from the help pages; for all others.
        recorder: the log of both.
    """

    tickets: Tickets
    orders: Orders
    threads: Threads
    clerk: lmb.AsyncAgentBot
    librarian: lmb.AsyncQueryBot
    recorder: RecorderPort
    gate: RefundGate

    def open(self, customer: str, order_id: str | None = None) -> Ticket:
        """Return a new ticket.

        Raises:
            DomainError: the customer has no such order.
        """
        order = self.orders.get(order_id) if order_id else None
        if order_id and order is None:
            raise DomainError("You have no such order.")
        ticket = Ticket.about(uuid4().hex[:12], customer, order)
        self.tickets.add(ticket)
        return ticket

    def ready(self, ticket: Ticket) -> Ticket:
        """Return a ticket in which something may be asked now.

        Raises:
            NotNow: it waits for a colleague.
        """
        if self.pending(ticket):
            raise NotNow("A colleague looks at your last request. The answer will be here.")
        return ticket

    async def ask(self, ticket: Ticket, text: str) -> AsyncIterator[DeskEvent]:
        """Yield the answer as it comes. Who stops listening stops the model."""
        stream = self._bot(ticket).stream(
            text, memory=self.threads(ticket.id), state=ticket, tags={"ticket": ticket.id}
        )
        async for event in self._told(ticket, stream):
            yield event

    def pending(self, ticket: Ticket | None = None) -> list[Pending]:
        """Return the calls that wait for a colleague, of one ticket or of all."""
        tags = {"ticket": ticket.id} if ticket else None
        found = []
        for run in self.recorder.runs(status="paused", tags=tags):
            asked_in = self.tickets.get(run.tags.get("ticket", ""))
            if asked_in is not None:
                found += self._waiting(asked_in, run.run_id, run.waits_for)
        return found

    async def decide(self, pending: Pending, answer: Approval) -> AsyncIterator[DeskEvent]:
        """Tell a run what a colleague says, and yield how it goes on."""
        waited = frozenset(one.call.id for one in self.pending(pending.ticket))
        stream = self._rest(pending.ticket, pending.run_id, {pending.call.id: answer})
        async for event in self._told(pending.ticket, stream, waited):
            yield event

    async def recover(self) -> None:
        """Go on with the runs that a crash broke off; those in the hands of a living process are left to it."""
        for run in await asyncio.to_thread(list, self.recorder.runs(status="running")):
            if ticket := self.tickets.get(run.tags.get("ticket", "")):
                async for _ in self._told(ticket, self._rest(ticket, run.run_id, {})):
                    pass

    def _bot(self, ticket: Ticket) -> Bot:
        return self.clerk if ticket.order else self.librarian

    def _waiting(self, ticket: Ticket, run_id: str, calls: Sequence[lmb.ToolCall]) -> list[Pending]:
        rulings = self.gate.rulings(ticket, calls)
        return [Pending(run_id, ticket, call, ruled.reason) for call, ruled in zip(calls, rulings, strict=True)]

    def _rest(self, ticket: Ticket, run_id: str, answers: Mapping[str, Approval]) -> Stream:
        memory = self.threads(ticket.id)
        return self._bot(ticket).resume_stream(run_id, approvals=answers, state=ticket, memory=memory)

    async def _told(
        self, ticket: Ticket, stream: Stream, waited: frozenset[str] = frozenset()
    ) -> AsyncIterator[DeskEvent]:
        """Yield a run's events; where it stops for a yes, let the policy answer, if it is a new decision.

        Args:
            ticket: that it is about.
            stream: of the run.
            waited: calls that a colleague was asked about: those are no more the policy's.
        """
        try:
            async with stream:
                async for event in stream:
                    if told := translated(event):
                        yield told
            return
        except lmb.errors.ApprovalNeeded as error:
            pause = error
        except lmb.errors.LlamabotError as error:
            # What it says may hold what a customer or a provider wrote: that stays in the log of runs.
            LOG.warning("run %s of ticket %s ended with %s", error.run_id, ticket.id, type(error).__name__)
            yield Failed()
            return
        is_new = not waited.issuperset(call.id for call in pause.calls)
        answers = self.gate.answers(ticket, pause.calls) if is_new else {}
        if not answers or pause.run_id is None:
            yield Waits(tuple(ruling.reason for ruling in self.gate.rulings(ticket, pause.calls)))
            return
        async for event in self._told(ticket, self._rest(ticket, pause.run_id, answers)):
            yield event
