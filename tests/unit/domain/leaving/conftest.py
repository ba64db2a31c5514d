"""A bot in each colour that notes what is opened and closed, and a look at the threads that are left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.domain.noting import AwaitingMemory, NotingCompletion

import llamabot as lmb
from llamabot.testing import InMemoryRecorder


@pytest.fixture
def port() -> NotingCompletion:
    return NotingCompletion("abc")


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def memory() -> AwaitingMemory:
    return AwaitingMemory()


@pytest.fixture
def abot(port: Any, recorder: InMemoryRecorder, memory: AwaitingMemory) -> lmb.AsyncSimpleBot:
    return lmb.AsyncSimpleBot("Spell.", completion=port, recorder=recorder, memory=memory)


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    before = set(threading.enumerate())  # what earlier tests have left may end meanwhile
    yield
    assert set(threading.enumerate()) <= before
