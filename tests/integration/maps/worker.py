"""Processes that map a bot over texts, and that die, hold on, or are interrupted.

python -m tests.integration.maps.worker kill FOLDER       children, each killed after so many events of its log
python -m tests.integration.maps.worker hold FOLDER       says "held" in the middle of a job and waits
python -m tests.integration.maps.worker interrupt FOLDER  is interrupted in the middle of two answers
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from tests.integration.agents.worker import Killing

import llamabot as lmb
from llamabot.testing import FunctionCompletion

TEXTS = ("a", "b", "c", "d", "e")
EVENTS = tuple(range(1, 28, 3))


def bot_on(recorder: Any, marks: Path, kind: type[Any] = lmb.SimpleBot) -> Any:
    """Return the bot of all the processes: each request leaves a line in a file before it is answered."""

    def shout(request: Any) -> str:
        text: str = request.messages[-1].text
        with marks.open("a") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        return text.upper()

    return kind("Shout.", model="fake", completion=FunctionCompletion(shout), recorder=recorder)


def mapped(bot: Any, **settings: Any) -> list[Any]:
    """Map a bot of either colour over the texts, as the job."""

    async def awaited() -> list[Any]:
        return [item async for item in bot.map(TEXTS, resume="job", concurrency=2, **settings)]

    if isinstance(bot, lmb.AsyncSimpleBot):
        return asyncio.run(awaited())
    return list(bot.map(TEXTS, resume="job", concurrency=2, **settings))


class KillingJobs(Killing):
    """As `Killing`, with the look at what a job has."""

    def __init__(self, recorder: lmb.SqliteRecorder, lives: int) -> None:
        super().__init__(recorder, lives)
        self.runs = recorder.runs


def kill(folder: Path) -> None:
    """Fork a child for each number of events; say how each ended."""
    with lmb.SqliteRecorder(folder / "warm.db", durable=True) as recorder:  # so that no child has to load anything
        mapped(bot_on(recorder, folder / "warm.txt"))
    ended = []
    for number in EVENTS:
        child = os.fork()
        if not child:
            recorder = lmb.SqliteRecorder(folder / f"{number}.db", durable=True)
            kind = (lmb.SimpleBot, lmb.AsyncSimpleBot)[number % 2]
            mapped(bot_on(KillingJobs(recorder, number), folder / f"{number}.txt", kind))
            os._exit(0)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(json.dumps(ended))


def hold(folder: Path) -> None:
    """Map into an answer that never comes."""

    def wait(request: Any) -> str:
        if request.messages[-1].text == "b":
            print("held", flush=True)
            threading.Event().wait(600)
        return str(request.messages[-1].text).upper()

    recorder = lmb.SqliteRecorder(folder / "held.db", durable=True)
    mapped(lmb.SimpleBot("Shout.", model="fake", completion=FunctionCompletion(wait), recorder=recorder))


def interrupt(folder: Path) -> None:
    """Be interrupted while two are asked at once, which then answer; say what was taken by then."""
    begun = threading.Barrier(2, action=lambda: os.kill(os.getpid(), signal.SIGINT))
    stopped = threading.Event()

    def shout(request: Any) -> str:
        begun.wait(20)
        stopped.wait(20)
        return str(request.messages[-1].text).upper()

    def stop(number: int, frame: Any) -> None:
        stopped.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    recorder = lmb.SqliteRecorder(folder / "interrupted.db")
    bot = lmb.SimpleBot("Shout.", model="fake", completion=FunctionCompletion(shout), recorder=recorder)
    taken = []
    try:
        with bot.map(TEXTS, resume="job", concurrency=2) as items:
            taken.extend(items)
    except KeyboardInterrupt:
        left = [thread.name for thread in threading.enumerate() if thread.name == "llamabot"]
        print(json.dumps([len(taken), left]))


if __name__ == "__main__":
    {"kill": kill, "hold": hold, "interrupt": interrupt}[sys.argv[1]](Path(sys.argv[2]))
