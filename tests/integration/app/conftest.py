"""A provider of its own for each test, a project to stand in, and commands that run in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.app.command import Command, Ended

from llamabot.app.cli import main
from llamabot.app.provider import AppProvider
from llamabot.ports.provider import set_provider_factory


@pytest.fixture
def provider() -> Iterator[AppProvider]:
    """The process-wide provider, new."""
    made = AppProvider()
    set_provider_factory(lambda: made)
    yield made
    set_provider_factory(AppProvider)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in this process, with text on its stdin."""

    def run(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        status = main(arguments)
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The working folder as a project."""
    (tmp_path / "pyproject.toml").touch()
    return tmp_path
