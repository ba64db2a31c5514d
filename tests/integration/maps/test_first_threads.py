"""Values that threads read at once, of types that none has read before."""

from __future__ import annotations

import subprocess
import sys

# Each child is new to all types; where a type is half learned it dies by SIGSEGV, about one time in four.
MAPS = """
import os, sys
import llamabot as lmb
from llamabot.domain.mapping import items
from llamabot.testing import FunctionCompletion, InMemoryRecorder

def mapped_twice():
    completion, recorder = FunctionCompletion(lambda request: "yes"), InMemoryRecorder(durable=True)
    bot = lmb.SimpleBot(model="fake", completion=completion, recorder=recorder)
    for _ in range(2):
        with bot.map([f"{number}" for number in range(12)], resume="job") as items:
            for item in items:
                item.unwrap()

sys.setswitchinterval(1e-6)
for _ in range(20):
    child = os.fork()
    if not child:
        mapped_twice()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""

OBJECTS = """
import sys, threading
import msgspec
from llamabot.ports.schema import decoded, schema_of

def read(type_, barrier):
    barrier.wait()
    schema_of(type_)
    decoded('{"parts": [{"name": "a"}], "by_name": {"a": {"name": "a"}}}', type_)

sys.setswitchinterval(1e-6)
for _ in range(100):
    class Part(msgspec.Struct):
        name: str

    class Whole(msgspec.Struct):
        parts: tuple[Part, ...]
        by_name: dict[str, Part]
        number: "int" = 0

    barrier = threading.Barrier(6)
    threads = [threading.Thread(target=read, args=(Whole, barrier)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def _ended(program: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_logs_are_read_by_threads_that_are_the_first() -> None:
    assert _ended(MAPS) == (0, "")


def test_objects_are_read_by_threads_that_are_the_first() -> None:
    assert _ended(OBJECTS) == (0, "")
