"""Nothing is left behind: no process, no thread, no noise, however a program comes to its end."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.integration.mcp.asking import aask, ask, bare, eventually, is_alive, lines, odd, started
from tests.project import ROOT

import llamabot as lmb

PROGRAM = """
import gc, os, sys, time, warnings
import mcp
import llamabot as lmb
from tests.integration.mcp.asking import aask, ask, bare, is_alive
gc.freeze()
"""
# Loading MCP takes most of a second, and so does a search for garbage in it at the end: what was loaded is kept out of
# that, and programs that differ in their last line are children of one that has loaded it.
EACH = """
import json
for code in json.loads(sys.argv[1]):
    reading, writing = os.pipe()
    program = os.fork()
    if not program:
        os.dup2(writing, 1)
        break
    os.close(writing)
    with os.fdopen(reading) as pipe:
        printed = pipe.read()
    assert os.waitpid(program, 0)[1] == 0, code
    assert not is_alive(int(printed.split()[0])), code
    print(printed, end="", flush=True)
else:
    code = ""
exec(code)
"""


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "llamabot-mcp"]


@pytest.fixture(autouse=True)
def _nothing_of_others_runs() -> None:
    eventually(lambda: not running())


def run(code: str, *options: str) -> subprocess.Popen[str]:
    """Start a program; its working folder is the project's, where the tests can be imported."""
    return subprocess.Popen(
        [sys.executable, *options, "-c", PROGRAM + code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def each(code: str, endings: list[str]) -> subprocess.Popen[str]:
    """Start a program for each ending of some code, one after the other; the first that fails is the last.

    A program prints the id of its server, which is gone when the program is.
    """
    programs = json.dumps([code.replace("{}", ending) for ending in endings])
    command = [sys.executable, "-W", "error", "-c", PROGRAM + EACH, programs]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class TestAfterClosing:
    def test_the_program_that_was_started_is_gone(self) -> None:
        with started() as box:
            pid = int(ask(box, "process").text)
            assert is_alive(pid)
        assert not is_alive(pid)
        eventually(lambda: not running())

    def test_in_an_event_loop_too_which_goes_on_meanwhile(self) -> None:
        async def used() -> int:
            async with bare() as box:
                return int((await aask(box, "process")).text)

        assert not is_alive(asyncio.run(used()))

    def test_even_a_program_that_will_not_go(self) -> None:
        with bare("stubborn") as box:
            pid = int(ask(box, "process").text)
        assert not is_alive(pid)

    def test_calls_that_wait_are_told(self, journal: Path) -> None:
        results = []
        box = bare(journal=journal)
        waiting = threading.Thread(target=lambda: results.append(ask(box, "sleep", seconds=60)))
        waiting.start()
        eventually(lambda: "slept in" in lines(journal))
        box.close()
        waiting.join(10)
        assert [result.is_error for result in results] == [True]

    def test_a_second_time_does_nothing(self) -> None:
        box = bare()
        box.close()
        with box:
            box.close()
            box.close()
            asyncio.run(box.aclose())

    def test_while_it_still_connects_who_waits_is_told(self) -> None:
        box = odd("silent")
        told: list[str] = []

        def wait() -> None:
            try:
                box.tools()
            except lmb.errors.ToolboxUnavailable as error:
                told.append(str(error))

        waiting = threading.Thread(target=wait)
        waiting.start()
        eventually(running)
        time.sleep(0.3)
        box.close()
        waiting.join(10)
        assert len(told) == 1
        assert "was closed" in told[0]


class TestWithoutClosing:
    def test_a_toolbox_that_is_collected_closes(self) -> None:
        box = bare()
        pid = int(ask(box, "process").text)
        del box
        gc.collect()
        eventually(lambda: not is_alive(pid))
        eventually(lambda: not running())

    def test_a_program_that_ends_leaves_nothing(self) -> None:
        endings = [
            "",
            "sys.exit(0)",
            "box = None",
            "import threading; threading.Thread(target=time.sleep, args=(.2,)).start()",
        ]
        program = each("box = bare()\nprint(ask(box, 'process').text, flush=True)\n{}", endings)
        stdout, stderr = program.communicate(timeout=60)
        assert (program.returncode, stderr) == (0, "")
        assert len(stdout.splitlines()) == len(endings)

    def test_a_program_that_ends_in_a_call_of_another_thread_leaves_nothing(self) -> None:
        program = run(
            "import threading\nbox = bare()\nprint(ask(box, 'process').text, flush=True)\n"
            "threading.Thread(target=lambda: ask(box, 'sleep', seconds=60), daemon=True).start()\ntime.sleep(0.3)\n"
        )
        stdout, stderr = program.communicate(timeout=30)
        assert (program.returncode, stderr) == (0, "")
        assert not is_alive(int(stdout))

    @pytest.mark.parametrize(
        "call", ["ask(box, 'sleep', seconds=60)", "import asyncio; asyncio.run(aask(box, 'sleep', seconds=60))"]
    )
    def test_a_program_that_is_interrupted_in_a_call_leaves_nothing(self, call: str, journal: Path) -> None:
        code = f"from pathlib import Path\nbox = bare(journal=Path({str(journal)!r}))\n"
        program = run(f"{code}print(ask(box, 'process').text, flush=True)\n{call}\n")
        eventually(lambda: "slept in" in lines(journal))
        program.send_signal(signal.SIGINT)
        stdout, stderr = program.communicate(timeout=30)
        assert stderr.strip().endswith("KeyboardInterrupt")
        assert not is_alive(int(stdout))
        assert "cancelled" in lines(journal)

    def test_a_program_that_is_killed_leaves_nothing(self) -> None:
        program = run("box = bare()\nprint(ask(box, 'process').text, flush=True)\ntime.sleep(60)\n")
        assert program.stdout
        pid = int(program.stdout.readline())
        program.kill()
        program.communicate()
        eventually(lambda: not is_alive(pid))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
class TestAFork:
    CODE = """
warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what is tried
box = bare()
mine = ask(box, "process").text
print(mine, flush=True)
child = os.fork()
if not child:
    theirs = ask(box, "process").text
    print("other" if theirs not in ("", mine) else "same", flush=True)
    box.tools()
    {}
_, status = os.waitpid(child, 0)
print(status, ask(box, "process").text == mine, ask(box, "add", a=1).text)
box.close()
print(is_alive(int(mine)), flush=True)
"""

    def test_gives_the_child_a_connection_of_its_own_and_leaves_the_parent_its(self) -> None:
        program = each(self.CODE, endings := ["sys.exit(0)", "box.close(); sys.exit(0)", "os._exit(0)"])
        stdout, stderr = program.communicate(timeout=60)
        assert stderr == ""
        assert re.sub(r"^\d+\n", "", stdout, flags=re.MULTILINE) == "other\n0 True 2\nFalse\n" * len(endings)
