"""Limits and budgets hold for all processes that share them, also for those that are killed."""

from __future__ import annotations

import time
from pathlib import Path

from tests.contract.children import finish, start

from llamabot.adapters.sqlite.shared import SqliteLedger, SqliteTurns
from llamabot.ports.turns import MINUTE_NS, Rate

TAKING = """
import sys, time
from llamabot.adapters.sqlite.shared import SqliteTurns
from llamabot.ports.turns import Rate

turns = SqliteTurns(sys.argv[1])
sys.stdin.readline()
for _ in range(200):
    print(turns.take("q", Rate(1), 0, now_ns=int(sys.argv[2]), latest_ns=2**62).start_ns)
"""
SPENDING = """
import sys
from llamabot.adapters.sqlite.shared import SqliteLedger

ledger = SqliteLedger(sys.argv[1])
sys.stdin.readline()
for account in range(300):
    if ledger.reserve(str(account), "p", 10, limit_nusd=10).is_reserved:
        print(account)
"""
ENDLESS = """
import sys
from llamabot.adapters.sqlite.shared import SqliteLedger

ledger = SqliteLedger(sys.argv[1])
while True:
    ledger.reserve("a", "p", 100, limit_nusd=10**12)
    print("reserved", flush=True)
    ledger.settle("a", "p", reserved_nusd=100, spent_nusd=7)
    print("settled", flush=True)
"""


def test_two_processes_share_a_limit(tmp_path: Path) -> None:
    path, now_ns = tmp_path / "shared.db", time.time_ns()
    SqliteTurns(path).take("other", Rate(1), 0, now_ns=now_ns, latest_ns=now_ns)
    children = [start(TAKING, path, now_ns) for _ in range(2)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    got = [[int(line) for line in finish(child).split()] for child in children]
    assert all(own == sorted(own) for own in got)
    assert sorted(got[0] + got[1]) == [now_ns + minute * MINUTE_NS for minute in range(400)]


def test_two_processes_share_a_budget(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    children = [start(SPENDING, path) for _ in range(2)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    got = [int(line) for child in children for line in finish(child).split()]
    assert sorted(got) == list(range(300))  # each was set aside by one of them


def test_what_a_killed_process_had_set_aside_counts_as_spent(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    ledger = SqliteLedger(path)
    for number in range(1, 5):
        before = ledger.spent_nusd("a", "p")
        with start(ENDLESS, path) as child:
            assert child.stdout is not None
            told = [child.stdout.readline().strip() for _ in range(5 * number)]
            child.kill()
            told += child.stdout.read().split()
        settled = 7 * told.count("settled")
        # What was told is in the file; of the step after it nobody knows whether it came to its end.
        possible = {settled + 100, settled + 7} if told[-1] == "reserved" else {settled, settled + 100}
        assert ledger.spent_nusd("a", "p") - before in possible
    assert ledger.reserve("a", "p", 1, limit_nusd=10**12).is_reserved


FORKING = """
import os, threading
import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import UserMessage
from llamabot.testing import FunctionCompletion

parent, begun = os.getpid(), threading.Event()

def answer(asked):
    if asked.model == "slow" and os.getpid() == parent:
        begun.set()
        threading.Event().wait()
    return "Hi!"

cache = lmb.Cache(lmb.RateLimit(FunctionCompletion(answer), rpm=100_000))

def ask(model, text):
    return cache.complete(CompletionRequest(model, (UserMessage(text),), timeout_s=600.0)).message.text

def keep_busy():
    for number in range(100_000):
        ask("quick", str(number % 100))

for work in [*[keep_busy] * 3, lambda: ask("slow", "in flight")]:
    threading.Thread(target=work, daemon=True).start()
begun.wait()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os.write(1, ask("slow", "in flight").encode())
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_a_fork_waits_neither_for_a_lock_nor_for_a_thread_of_its_parent() -> None:
    assert finish(start(FORKING), timeout_s=20) == "Hi!" * 10
