"""The desk's command line: `serve` for customers, `waiting`, `approve` and `deny` for colleagues.

Colleagues need no server: what waits is in the log of runs, and a run goes on in whichever process answers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import llamabot as lmb
from support_desk.application.desk import Approval, Pending
from support_desk.application.events import Answered, DeskEvent, Failed, Waits
from support_desk.container import DEMO, Settings, SupportDesk
from support_desk.domain.orders import Money, Order

KNOWLEDGE = Path(__file__).parent / "knowledge"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the process's exit code."""
    given = _parser().parse_args(arguments)
    container = SupportDesk(settings=Settings(given.folder, given.model))
    try:
        code: int = given.run(container, given)
        return code
    finally:
        container.recorder().close()


def serve(container: SupportDesk, given: argparse.Namespace) -> int:
    """Serve customers on this machine alone."""
    import uvicorn

    from support_desk.web.app import create_app

    lmb.ingest(KNOWLEDGE, docstore=container.help_pages())
    container.orders().add(_sample_orders(container.today()()))
    uvicorn.run(create_app(container.desk()), host="127.0.0.1", port=given.port)
    return 0


def waiting(container: SupportDesk, given: argparse.Namespace) -> int:
    """List what waits for a colleague."""
    for one in container.desk().pending():
        print(f"{one.run_id} {one.call.id}  ticket {one.ticket.id}, {one.ticket.customer}")
        print(f"    {one.call.name} {one.call.arguments}: {one.reason}")
    return 0


def approve(container: SupportDesk, given: argparse.Namespace) -> int:
    """Say yes to a call, maybe to another amount."""
    arguments = None if given.euros is None else {"euros": given.euros}
    return _decide(container, given, lmb.Approved(by=given.by, arguments=arguments))


def deny(container: SupportDesk, given: argparse.Namespace) -> int:
    """Say no to a call."""
    return _decide(container, given, lmb.Denied(given.reason, by=given.by))


def _decide(container: SupportDesk, given: argparse.Namespace, answer: Approval) -> int:
    desk = container.desk()
    found: list[Pending] = [one for one in desk.pending() if (one.run_id, one.call.id) == (given.run_id, given.call)]
    if not found:
        print("Nothing of that name waits; `waiting` lists what does.")
        return 1
    asyncio.run(_tell(desk.decide(found[0], answer)))
    return 0


async def _tell(events: AsyncIterator[DeskEvent]) -> None:
    async for event in events:
        match event:
            case Answered(said) | Failed(said):
                print(said)
            case Waits(reasons):
                print("It waits again:", *reasons)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="support_desk", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("support_desk_data"), help="where the desk keeps its files")
    parser.add_argument("--model", default=os.environ.get("SUPPORT_DESK_MODEL", DEMO))
    commands = parser.add_subparsers(required=True)
    served = commands.add_parser("serve", help="serve customers")
    served.add_argument("--port", type=int, default=8000)
    served.set_defaults(run=serve)
    commands.add_parser("waiting", help="list what waits for a colleague").set_defaults(run=waiting)
    for name, run in (("approve", approve), ("deny", deny)):
        command = commands.add_parser(name, help=f"{name} a call")
        command.add_argument("run_id")
        command.add_argument("call")
        command.add_argument("--by", required=True, help="who says so")
        command.set_defaults(run=run)
        if run is approve:
            command.add_argument("--euros", type=float, help="another amount")
        else:
            command.add_argument("--reason", default="")
    return parser


def _sample_orders(today: date) -> list[Order]:
    return [
        Order("A-1", "ana", "a desk lamp", Money.of("39.90"), today - timedelta(days=3)),
        Order("A-2", "ana", "a floor lamp", Money.of("180"), today - timedelta(days=10)),
        Order("B-1", "bo", "a night light", Money.of("15"), today - timedelta(days=90)),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
