"""Processes that run an agent with tools that leave marks in a file, and that die, hold on, or are interrupted.

python tests/integration/agents/worker.py kill FOLDER      for n = 0, 1, …: a child, killed after n events of its log
python tests/integration/agents/worker.py hold FOLDER      says "held" in the middle of a run and waits
python tests/integration/agents/worker.py deaf FOLDER      is interrupted while its tools do not listen
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import FunctionCompletion

CALLS = (
    (("c1", "note", '{"text": "first"}'), ("c2", "charge", '{"amount": 7}'), ("c3", "think", '{"text": "hm"}')),
    (("c4", "note", '{"text": "second"}'),),
)


def decide(request: CompletionRequest) -> lmb.AssistantMessage:
    """Say what comes at this turn of the transcript."""
    turn = sum(isinstance(message, lmb.AssistantMessage) for message in request.messages)
    if turn == len(CALLS):
        return lmb.assistant(" and ".join(message.text for message in request.messages[-1:]))
    return lmb.AssistantMessage("so", tool_calls=tuple(lmb.ToolCall(*call) for call in CALLS[turn]))


class Marks:
    """Tools whose effects are lines of a file, each on the disk before the tool returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _mark(self, *words: str) -> None:
        with self._path.open("a") as file:
            file.write(" ".join(words) + "\n")
            file.flush()
            os.fsync(file.fileno())

    @lmb.tool
    def note(self, text: str, context: lmb.RunContext[Any]) -> str:
        """Note something."""
        self._mark("note", context.idempotency_key)
        return f"noted {text}"

    @lmb.tool
    async def think(self, text: str, context: lmb.RunContext[Any]) -> str:
        """Think about something."""
        self._mark("think", context.idempotency_key)
        await asyncio.sleep(0)
        return f"thought {text}"

    @lmb.tool(idempotent=False)
    def charge(self, amount: int) -> str:
        """Charge someone."""
        self._mark("charge")
        return f"charged {amount}"


def agent_on(recorder: Any, marks: Path, agent: type[Any] = lmb.AgentBot) -> Any:
    """Return the agent that all the processes run."""
    tools = Marks(marks)
    return agent(
        "Act.", tools=[tools.note, tools.charge, tools.think], completion=FunctionCompletion(decide), recorder=recorder
    )


class Killing:
    """A recorder whose process is killed once so many events are committed."""

    durable = True

    def __init__(self, recorder: lmb.SqliteRecorder, lives: int) -> None:
        self._recorder = recorder
        self._lives = lives
        self._lock = threading.Lock()
        self.claim, self.events = recorder.claim, recorder.events

    def append(self, events: Sequence[Any]) -> Any:
        with self._lock:
            ticket = self._recorder.append(events[: self._lives])
            self._lives -= len(events)
            if self._lives <= 0:
                if ticket is not None:
                    ticket.result()
                os.kill(os.getpid(), signal.SIGKILL)
            return ticket


def kill(folder: Path) -> None:
    """Fork a child for each number of events, until one lives to the end; say how each ended."""
    with lmb.SqliteRecorder(folder / "warm.db", durable=True) as recorder:  # so that no child has to load anything
        agent_on(recorder, folder / "warm.txt").run("go")
    ended: list[int] = []
    while not ended or ended[-1]:
        number = len(ended) + 1
        child = os.fork()
        if not child:
            recorder = lmb.SqliteRecorder(folder / f"{number}.db", durable=True)
            agent = (lmb.AgentBot, lmb.AsyncAgentBot)[number % 2]
            bot = agent_on(Killing(recorder, number), folder / f"{number}.txt", agent)
            gone = bot.run("go")
            if asyncio.iscoroutine(gone):
                asyncio.run(gone)
            os._exit(0)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(json.dumps(ended))


def hold(folder: Path) -> None:
    """Run into a tool that waits for ever."""

    @lmb.tool
    def note(text: str) -> str:
        """Note something."""
        print("held", flush=True)
        time.sleep(600)
        return text

    recorder = lmb.SqliteRecorder(folder / "held.db", durable=True)
    lmb.AgentBot("Act.", tools=[note], completion=FunctionCompletion(decide), recorder=recorder).run("go")


def deaf(folder: Path) -> None:
    """Be interrupted while tools run in threads: one that listens, one that does not, one that is async."""
    begun, heard, stopped = threading.Barrier(3), threading.Event(), threading.Event()

    def interrupt_when_all_run() -> None:
        if begun.wait() == 0:
            os.kill(os.getpid(), signal.SIGINT)

    @lmb.tool
    def note(text: str, context: lmb.RunContext[Any]) -> str:
        """Listen."""
        interrupt_when_all_run()
        while not context.cancelled:
            time.sleep(0.01)
        heard.set()
        return text

    @lmb.tool
    def charge(amount: int) -> str:
        """Do not listen."""
        interrupt_when_all_run()
        while True:
            time.sleep(60)

    @lmb.tool
    async def think(text: str) -> str:
        """Await."""
        try:
            await asyncio.to_thread(interrupt_when_all_run)
            await asyncio.sleep(600)
        finally:
            stopped.set()
        return text

    recorder = lmb.SqliteRecorder(folder / "deaf.db", durable=True)
    bot = lmb.AgentBot("Act.", tools=[note, charge, think], completion=FunctionCompletion(decide), recorder=recorder)
    try:
        bot("go")
    except KeyboardInterrupt:
        print(json.dumps([heard.wait(5), stopped.wait(5)]))


if __name__ == "__main__":
    {"kill": kill, "hold": hold, "deaf": deaf}[sys.argv[1]](Path(sys.argv[2]))
