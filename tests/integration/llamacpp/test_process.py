"""The embedded model and the process it lives in: silence, signals, forks, the end. Each test starts a process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from tests.embedded_model import installed_model

pytestmark = pytest.mark.embedded
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or needs the GNU library's exit handlers")

PROLOGUE = """
import os, sys, threading, time, warnings
from llamabot.adapters.llamacpp import EmbeddedCompletion
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.errors import LlamabotError
from llamabot.ports.messages import UserMessage

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # of any fork, since 3.12
port = EmbeddedCompletion(sys.argv[1], context_tokens=512)

def ask(text="Say hello.", max_tokens=4, **changes):
    return CompletionRequest("", (UserMessage(text),), temperature=0.0, max_tokens=max_tokens, **changes)
"""


def run(program: str, *, timeout_s: float = 60.0, threads: int = 1) -> subprocess.CompletedProcess[bytes]:
    """Run a program with an embedded model in a process of its own.

    Beside other tests a second thread mostly waits for a processor, and the first, busily, for the second.
    """
    environment = {**os.environ, "OMP_THREAD_LIMIT": str(threads)}
    command = [sys.executable, "-c", PROLOGUE + program, str(installed_model())]
    return subprocess.run(command, capture_output=True, timeout=timeout_s, env=environment)


def test_prints_nothing_whatever_happens() -> None:
    done = run("""
pattern = {"type": "object", "properties": {"a": {"type": "string", "pattern": "\\\\d+"}}}
from llamabot.ports.completion import OutputSchema
port.complete(ask())
port.complete(ask(output=OutputSchema("a", pattern)))
stream = port.stream(ask(max_tokens=50))
next(stream)
stream.close()
nowhere = OutputSchema("a", {"$ref": "#/$defs/Nowhere"})
for wrong in (ask("word " * 900), ask(timeout_s=0.001), ask(output=nowhere), ask(options={"top_p": "x"})):
    try:
        port.complete(wrong)
    except LlamabotError:
        pass
open("cut.gguf", "wb").write(open(sys.argv[1], "rb").read(2_000_000))
try:
    EmbeddedCompletion("cut.gguf").complete(ask())
except LlamabotError:
    pass
port.close()
port.complete(ask())
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@linux_only
def test_leaves_signals_and_environment_as_they_were_and_listens_nowhere() -> None:
    done = run("""
import ctypes, signal
handler = ctypes.pythonapi.PyOS_getsig
handler.restype = ctypes.c_void_p
state = lambda: ([handler(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)], dict(os.environ))
before = state()
port.complete(ask())
assert state() == before
links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
own = {os.readlink(link) for link in links if os.path.lexists(link)}
tcp = [line.split() for line in open("/proc/net/tcp").readlines()[1:]]
assert not [line for line in tcp if line[3] == "0A" and f"socket:[{line[9]}]" in own]
unix = [line.split() for line in open("/proc/net/unix").readlines()[1:]]
paths = [line[7] for line in unix if len(line) > 7 and f"socket:[{line[6]}]" in own]
assert paths and not any(os.path.exists(path) for path in paths), paths
""")
    assert (done.returncode, done.stderr) == (0, b"")


@linux_only
def test_a_forked_child_loads_a_model_of_its_own_and_both_end_well() -> None:
    done = run(
        """
text = port.complete(ask()).message.text
pid = os.fork()
if pid == 0:
    assert port.complete(ask()).message.text == text
    port.close()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert port.complete(ask()).message.text == text
port.close()
idle = os.fork()
if idle == 0:
    sys.exit(8)
assert os.waitstatus_to_exitcode(os.waitpid(idle, 0)[1]) == 8
""",
        threads=2,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@linux_only
def test_a_child_of_a_child_works_too_while_another_thread_generates() -> None:
    done = run(
        """
stream = port.stream(ask("Write a long story.", max_tokens=80))
next(stream)
pid = os.fork()
if pid == 0:
    assert port.complete(ask()).message.text
    grandchild = os.fork()
    if grandchild == 0:
        assert port.complete(ask()).message.text
        sys.exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
assert next(stream)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
""",
        threads=2,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("end", ["sys.exit(3)", "threading.Thread(target=lambda: None).start(); sys.exit(3)"])
def test_a_process_may_end_in_the_middle_of_an_answer(end: str) -> None:
    before = _busy_s()
    done = run(f"""
stream = port.stream(ask("Write a long story.", max_tokens=400))
next(stream)
{end}
""")
    assert (done.returncode, done.stderr) == (3, b"")
    assert _busy_s() - before < 5, "400 tokens take twice that"


def _busy_s() -> float:
    """Return how long processors have worked for children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_ctrl_c_reaches_who_waits() -> None:
    program = (
        PROLOGUE
        + """
port.complete(ask(max_tokens=1))
print("ready", flush=True)
try:
    port.complete(ask("Write a long story.", max_tokens=450))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    assert port.complete(ask(max_tokens=1)).usage
"""
    )
    command = [sys.executable, "-c", program, str(installed_model())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "interrupted\n", "")


def test_importing_and_making_it_loads_nothing() -> None:
    done = run("""
assert not {"xllamacpp", "numpy", "ctypes.util"} & set(sys.modules)
assert threading.active_count() == 1
""")
    assert (done.returncode, done.stderr) == (0, b"")
