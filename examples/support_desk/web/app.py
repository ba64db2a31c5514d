"""The HTTP side. It has no users and no passwords: whoever embeds a desk has those already.

No `from __future__ import annotations` here: FastAPI reads what stands in them, and could not see what is local.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

import llamabot as lmb
from support_desk.application.desk import Desk, NotNow
from support_desk.domain.orders import DomainError
from support_desk.domain.tickets import Ticket
from support_desk.web.sse import frames

PAGE = Path(__file__).with_name("page.html")
LOOPBACK = ["127.0.0.1", "localhost"]  # another name for this address would be a page that wants to speak to us


class Opening(BaseModel):
    """Who opens a ticket, and about which order."""

    customer: str = Field(min_length=1, max_length=100)
    order: str | None = Field(default=None, max_length=100)


class Question(BaseModel):
    """What is asked in a ticket."""

    text: str = Field(min_length=1, max_length=5_000)


def create_app(desk: Desk) -> FastAPI:
    """Return the application; when it starts, it goes on with what a crash broke off."""
    app = FastAPI(title="Support desk", lifespan=_recovering(desk))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)
    app.add_exception_handler(DomainError, _refused)

    def known(ticket_id: str) -> Ticket:
        ticket = desk.tickets.get(ticket_id)
        if ticket is None:
            raise HTTPException(404, "There is no such ticket.")
        return ticket

    def ready(ticket: Annotated[Ticket, Depends(known)]) -> Ticket:
        return desk.ready(ticket)

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE.read_text(encoding="utf-8")

    @app.post("/tickets", status_code=201)
    def open_ticket(opening: Opening) -> dict[str, Any]:
        return _shown(desk, desk.open(opening.customer, opening.order))

    @app.get("/tickets/{ticket_id}")
    def ticket(ticket: Annotated[Ticket, Depends(known)]) -> dict[str, Any]:
        return _shown(desk, ticket)

    @app.post("/tickets/{ticket_id}/messages")
    def ask(ticket: Annotated[Ticket, Depends(ready)], question: Question) -> StreamingResponse:
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(frames(desk.ask(ticket, question.text)), 200, headers, "text/event-stream")

    return app


def _shown(desk: Desk, ticket: Ticket) -> dict[str, Any]:
    """Return a ticket as a customer sees it: what was said, and what waits."""
    said = [
        {"by": "customer" if isinstance(message, lmb.UserMessage) else "desk", "text": message.text}
        for message in desk.threads(ticket.id).recall()
        if isinstance(message, lmb.UserMessage | lmb.AssistantMessage) and message.text
    ]
    waits = [pending.reason for pending in desk.pending(ticket)]
    return {"id": ticket.id, "order": ticket.order, "messages": said, "waits_for": waits}


def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 409 if isinstance(error, NotNow) else 422)


def _recovering(desk: Desk) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.recovery = asyncio.create_task(desk.recover())
        yield
        app.state.recovery.cancel()
        with suppress(asyncio.CancelledError):
            await app.state.recovery

    return lifespan
