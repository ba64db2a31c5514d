"""The embedded model, asked directly and over llama.cpp's own HTTP server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.embedded_model import installed_model

from llamabot.adapters.llamacpp import EmbeddedCompletion

SERVER = Path(__file__).with_name("http_server.py")


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedCompletion]:
    """One adapter for all: its model is loaded once.

    On one thread: beside other tests a second one mostly waits for a processor, and the first, busily, for the second.
    """
    port = EmbeddedCompletion(installed_model(), context_tokens=1024, threads=1)
    yield port
    port.close()


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """The address of llama.cpp's HTTP server, in a process of its own, with the embedded model."""
    command = [sys.executable, str(SERVER), str(installed_model())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate()
