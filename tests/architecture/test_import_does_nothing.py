"""`import llamabot` gives names and does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROBE = Path(__file__).with_name("import_probe.py")

LATER = {
    "aiohttp",
    "asyncio",
    "dependency_injector",
    "docstring_parser",
    "faiss",
    "http",
    "httpx",
    "hypothesis",
    "litellm",
    "numpy",
    "onnxruntime",
    "openai",
    "pocketflow",
    "pydantic",
    "rich",
    "sqlite3",
    "sqlite_utils",
    "ssl",
    "tokenizers",
    "typer",
    "xllamacpp",
}


def _probe(folder: Path, module: str) -> dict[str, Any]:
    command = [sys.executable, "-B", str(PROBE), module]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def seen(tmp_path: Path) -> dict[str, Any]:
    return _probe(tmp_path, "llamabot")


def test_an_import_loads_nothing_heavy(seen: dict[str, Any]) -> None:
    assert LATER & set(seen["loaded"]) == set()


def test_an_import_leaves_the_world_as_it_was(seen: dict[str, Any], tmp_path: Path) -> None:
    assert seen["did"] == []
    assert seen["read"] == []
    assert seen["threads"] == ["MainThread"]
    assert list(tmp_path.iterdir()) == []


def test_an_import_leaves_logging_to_the_application(seen: dict[str, Any]) -> None:
    assert seen["handlers"] in ({}, {"llamabot": ["NullHandler"]})


BUSY = """
import logging, os, pathlib, sqlite3, threading
os.environ.get("LLAMABOT_MODEL")
pathlib.Path("made").mkdir()
pathlib.Path("written").write_text("x")
threading.Thread(target=threading.Event().wait, name="busy", daemon=True).start()
logging.getLogger("busy").addHandler(logging.StreamHandler())
"""


def test_would_see_an_import_that_does_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    seen = _probe(tmp_path, "busy")
    assert [line.split()[0] for line in seen["did"]] == ["os.mkdir", "open"]
    assert seen["read"] == ["LLAMABOT_MODEL"]
    assert seen["threads"] == ["MainThread", "busy"]
    assert seen["handlers"] == {"busy": ["StreamHandler"]}
    assert "sqlite3" in seen["loaded"]
