"""The desk over HTTP: in the process, and once through a real server whose answer arrives while it is made."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import llamabot as lmb
from support_desk.application.events import TextPiece
from support_desk.container import SupportDesk
from support_desk.tests.desks import LAMP, asks_refund
from support_desk.web.app import create_app
from support_desk.web.sse import encoded

Make = Callable[..., SupportDesk]
QUESTION = {"text": "Does the warranty cover falls?"}


def frames(text: str) -> list[tuple[str, Any]]:
    """Return server-sent events as names and data."""
    parts = [frame.split("\n") for frame in text.split("\n\n") if frame]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


def call(app: FastAPI, *requests: tuple[str, str, Any]) -> list[httpx.Response]:
    """Send requests one after the other; `{id}` in a path is the first answer's."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        answers: list[httpx.Response] = []
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for method, path, body in requests:
                path = path.format(id=answers[0].json()["id"]) if answers else path
                answers.append(await client.request(method, path, json=body))
        return answers

    return asyncio.run(send())


def test_an_answer_is_streamed_and_stays_in_the_ticket(make: Make) -> None:
    app = create_app(make(["Not covered [1]."]).desk())
    opened, asked, seen = call(
        app,
        ("POST", "/tickets", {"customer": "ana"}),
        ("POST", "/tickets/{id}/messages", QUESTION),
        ("GET", "/tickets/{id}", None),
    )
    assert (opened.status_code, asked.headers["content-type"]) == (201, "text/event-stream; charset=utf-8")
    names = [name for name, _ in frames(asked.text)]
    assert names == ["sources-found", "text-piece", "text-piece", "text-piece", "answered"]
    assert seen.json()["messages"] == [
        {"by": "customer", "text": QUESTION["text"]},
        {"by": "desk", "text": "Not covered [1]."},
    ]


def test_a_ticket_that_waits_says_for_what_and_takes_no_more_questions(make: Make) -> None:
    app = create_app(make([asks_refund(120)]).desk())
    _, asked, again, seen = call(
        app,
        ("POST", "/tickets", {"customer": "ana", "order": LAMP.id}),
        ("POST", "/tickets/{id}/messages", {"text": "All back!"}),
        ("POST", "/tickets/{id}/messages", {"text": "Well?"}),
        ("GET", "/tickets/{id}", None),
    )
    assert [name for name, _ in frames(asked.text)] == ["waits"]
    assert again.status_code == 409
    assert seen.json()["waits_for"] == ["A-2 would get back more than 50.00 EUR"]


def test_refuses_what_is_no_request(make: Make) -> None:
    app = create_app(make([]).desk())
    answers = call(
        app,
        ("POST", "/tickets", {"customer": "ana"}),
        ("POST", "/tickets", {"customer": "bo", "order": LAMP.id}),
        ("POST", "/tickets/{id}/messages", {"text": ""}),
        ("GET", "/tickets/nobody", None),
    )
    assert [answer.status_code for answer in answers] == [201, 422, 422, 404]


def test_answers_no_page_that_gave_this_machine_another_name(make: Make) -> None:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(make([]).desk()))
        async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
            return await client.get("/")

    assert asyncio.run(send()).status_code == 400


def test_no_text_can_forge_an_event() -> None:
    text = "a\n\nevent: answered\ndata: {}\n\n\r\u2028"
    assert frames(encoded(TextPiece(text))) == [("text-piece", {"text": text})]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve on a free port of this machine; yield the address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, args=([socket],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        socket.close()


class Hesitant:
    """A model that says the second word once the first was heard."""

    def __init__(self) -> None:
        self.heard = threading.Event()
        self.closed = threading.Event()

    async def acomplete(self, request: lmb.CompletionRequest) -> lmb.Completion:
        raise NotImplementedError

    async def astream(self, request: lmb.CompletionRequest) -> Any:
        try:
            yield lmb.CompletionChunk(text="Not ")
            await asyncio.to_thread(self.heard.wait, 30)
            yield lmb.CompletionChunk(text="covered.")
            yield lmb.CompletionChunk(finish_reason=lmb.FinishReason.STOP)
        finally:
            self.closed.set()

    def capabilities(self, model: str) -> lmb.ModelCapabilities:
        return lmb.ModelCapabilities()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_word_is_heard_before_the_next_is_said(make: Make) -> None:
    model = Hesitant()
    with served(create_app(make(completion=model).desk())) as address, httpx.Client(base_url=address) as client:
        ticket = client.post("/tickets", json={"customer": "ana"}).json()["id"]
        with client.stream("POST", f"/tickets/{ticket}/messages", json=QUESTION, timeout=30) as answer:
            for line in answer.iter_lines():
                if "Not " in line:
                    model.heard.set()
        assert "covered." in client.get(f"/tickets/{ticket}").text


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_customer_who_leaves_stops_the_model(make: Make) -> None:
    model = Hesitant()
    container = make(completion=model)
    with served(create_app(container.desk())) as address, httpx.Client(base_url=address) as client:
        ticket = client.post("/tickets", json={"customer": "ana"}).json()["id"]
        with client.stream("POST", f"/tickets/{ticket}/messages", json=QUESTION, timeout=30) as answer:
            next(line for line in answer.iter_lines() if "Not " in line)
        assert model.closed.wait(10)
        model.heard.set()
    assert [run.status for run in container.recorder().runs()] == ["cancelled"]


def test_the_page_has_no_markup_from_others_and_no_other_machine(make: Make) -> None:
    (page,) = call(create_app(make([]).desk()), ("GET", "/", None))
    assert "innerHTML" not in page.text
    assert "://" not in page.text
