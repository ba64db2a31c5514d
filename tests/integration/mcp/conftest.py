"""The good server, as a program on stdio and behind HTTP on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.mcp.asking import TOOLS, served, started

import llamabot as lmb


@pytest.fixture(scope="module")
def box() -> Iterator[lmb.McpToolbox]:
    with started() as box:
        yield box


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a good server behind HTTP, for tests that leave it as it was."""
    with served() as address:
        yield address


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def serve(journal: Path) -> Iterator[Callable[..., tuple[str, subprocess.Popen[str]]]]:
    """Return a starter of the good server behind HTTP, which gives its address and the process."""
    begun: list[subprocess.Popen[str]] = []

    def start(*, old: bool = False) -> tuple[str, subprocess.Popen[str]]:
        environment = {**os.environ, "JOURNAL": str(journal), **({"OLD": "1"} if old else {})}
        server = subprocess.Popen([sys.executable, TOOLS, "--http"], stdout=subprocess.PIPE, text=True, env=environment)
        begun.append(server)
        assert server.stdout
        return server.stdout.readline().strip(), server

    yield start
    for server in begun:
        server.kill()
        server.communicate()
