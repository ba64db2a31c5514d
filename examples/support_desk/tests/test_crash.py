"""What a killed process leaves is gone on with: by a colleague's process, and by the next server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import llamabot as lmb
from llamabot.testing import ScriptedCompletion
from support_desk.__main__ import main
from support_desk.application.events import Answered
from support_desk.container import SupportDesk
from support_desk.domain.orders import Money, Order
from support_desk.tests.desks import LAMP, asks_refund, made_desk
from support_desk.web.app import create_app

EXAMPLES = Path(__file__).parents[2]


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the desk in a process of its own; yield it and its address, and kill it in the end."""
    command = [sys.executable, "-W", "error", "-m", "support_desk", "--folder", str(folder), "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES), "LLAMABOT_OFFLINE": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            printed = ""
            while not (address := re.search(r"http://127\.0\.0\.1:\d+", printed)):
                line = process.stderr.readline()
                assert line, printed
                printed += line
            yield process, address.group()
        finally:
            process.kill()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_refund_survives_the_server_that_waits_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path) as (process, address), httpx.Client(base_url=address, timeout=30) as client:
        ticket = client.post("/tickets", json={"customer": "ana", "order": "A-2"}).json()["id"]
        told = client.post(f"/tickets/{ticket}/messages", json={"text": "I want 120 back."}).text
        assert "event: waits" in told
        process.kill()
        process.wait()

    desk = ["--folder", str(tmp_path)]
    assert main([*desk, "waiting"]) == 0
    run_id, call, *_ = capsys.readouterr().out.split()
    assert main([*desk, "approve", run_id, call, "--by", "bo", "--euros", "100"]) == 0
    assert main([*desk, "approve", run_id, call, "--by", "bo"]) == 1

    container = made_desk(tmp_path)
    answer = container.desk().threads(ticket).recall()[-1].text
    order = container.orders().get("A-2")
    container.recorder().close()
    assert "100.00 EUR were paid back for A-2" in answer
    assert order is not None
    assert order.refunded == Money.of(100)


class Leaving:
    """A step that leaves, in another folder, what a process killed at this point would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left = folder / "left"

    def now(self) -> None:
        """Copy the files as they are."""
        self.left.mkdir()
        for path in self.folder.iterdir():
            if path.is_file() and not path.name.endswith("-shm"):
                shutil.copy(path, self.left)


class LeavingOrders:
    """Orders of a shop that leaves its files right after a payment, before anybody hears of it."""

    def __init__(self, orders: Any, leaving: Leaving) -> None:
        self.get: Callable[[str], Order | None] = orders.get
        self._orders = orders
        self._leaving = leaving

    def pay_back(self, order_id: str, amount: Money, key: str) -> Order:
        after: Order = self._orders.pay_back(order_id, amount, key)
        self._leaving.now()
        return after


@pytest.mark.parametrize("where", ["while the model is asked", "after a payment"])
def test_the_next_server_goes_on_and_pays_once(make: Callable[..., SupportDesk], tmp_path: Path, where: str) -> None:
    leaving = Leaving(tmp_path)

    def asked(request: lmb.CompletionRequest) -> str:
        if where == "while the model is asked":
            leaving.now()
        return "You have 20 EUR back."

    container = make([asks_refund(20), asked])
    if where == "after a payment":
        container.orders.override(LeavingOrders(container.orders(), leaving))
    desk = container.desk()
    ticket = desk.open("ana", LAMP.id)
    assert "Answered" in str(asyncio.run(_last(desk.ask(ticket, "20 back, please."))))

    model = ScriptedCompletion(["You have 20 EUR back."])
    after = made_desk(leaving.left, completion=model)
    assert after.desk().threads(ticket.id).recall() == ()

    async def start() -> None:
        app = create_app(after.desk())
        async with app.router.lifespan_context(app):
            await app.state.recovery

    asyncio.run(asyncio.wait_for(start(), 30))
    model.assert_finished()
    assert [message.text for message in after.desk().threads(ticket.id).recall()][-1] == "You have 20 EUR back."
    order = after.orders().get(LAMP.id)
    after.recorder().close()
    assert order is not None
    assert order.refunded == Money.of(20)


def test_a_server_leaves_alone_what_another_is_at_work_on(make: Callable[..., SupportDesk]) -> None:
    other = make([])

    async def asked_in_the_middle() -> None:
        await other.desk().recover()
        assert [run.status for run in other.recorder().runs()] == ["running"]

    class Busy(ScriptedCompletion):
        """A model during whose answer another server starts."""

        async def astream(self, request: lmb.CompletionRequest) -> Any:
            await asked_in_the_middle()
            async for chunk in super().astream(request):
                yield chunk

    desk = make(completion=Busy(["Not covered [1]."])).desk()
    answer = asyncio.run(_last(desk.ask(desk.open("ana"), "Does the warranty cover falls?")))
    assert answer == Answered("Not covered [1].")


def test_the_next_server_answers_a_question_that_was_broken_off(
    make: Callable[..., SupportDesk], tmp_path: Path
) -> None:
    leaving = Leaving(tmp_path)

    def asked(request: lmb.CompletionRequest) -> str:
        leaving.now()
        return "Not covered [1]."

    desk = make([asked]).desk()
    ticket = desk.open("ana")
    asyncio.run(_last(desk.ask(ticket, "Does the warranty cover falls?")))
    after = made_desk(leaving.left, completion=ScriptedCompletion(["Not covered [1]."]))
    asyncio.run(after.desk().recover())
    said = [message.text for message in after.desk().threads(ticket.id).recall()]
    after.recorder().close()
    assert said == ["Does the warranty cover falls?", "Not covered [1]."]


async def _last(events: Any) -> Any:
    told = [event async for event in events]
    return told[-1]
