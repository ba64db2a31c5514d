"""A port with a key that must be in no log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from tests.integration.providers.adapters import Make, Port
from tests.integration.providers.hostile.speaking import CANARY
from tests.servers.chat import ChatServer


@pytest.fixture
def port(make: Make, server: ChatServer) -> Port:
    return make({"api_base": server.api_base, "api_key": CANARY})


@pytest.fixture(autouse=True)
def _no_key_in_any_log() -> Iterator[None]:
    """Listen to every logger at its lowest level."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(f"{record.getMessage()} {record.args} {record.exc_info} {record.exc_text}")

    root, listener, level = logging.getLogger(), Listener(0), logging.getLogger().level
    root.addHandler(listener)
    root.setLevel(0)
    yield
    root.removeHandler(listener)
    root.setLevel(level)
    assert CANARY not in "\n".join(heard)
