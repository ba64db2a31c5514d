"""Starting: both names of the command, what it loads, what it says without its extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.command import LLAMABOT, run
from tests.embedded_model import installed_model

import llamabot as lmb
from llamabot.testing import ScriptedCompletion

HEAVY = {"dependency_injector", "faiss", "litellm", "numpy", "openai", "pydantic", "sqlite_utils", "xllamacpp"}


def loaded(*arguments: str, **variables: str) -> set[str]:
    """Return the top-level packages that a command imports."""
    command = [sys.executable, "-X", "importtime", "-m", "llamabot", *arguments]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1", **variables}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True
    )
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("command", [LLAMABOT, (str(Path(sys.executable).with_name("llamabot")),)])
def test_answers_to_both_of_its_names(command: tuple[str, ...]) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("llamabot 1.")


def test_lists_its_commands(tmp_path: Path) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        ended = run(*arguments)
        assert (ended.status, ended.err) == (0, "")
        for name in ("ask", "chat", "demo", "runs", "show", "prune", "local", "doctor", "trust"):
            assert f"\n  {name} " in ended.out


@pytest.mark.parametrize("arguments", [["--help"], ["runs"], ["show", "--help"], ["local", "list"]])
def test_starts_without_a_models_machinery(arguments: list[str]) -> None:
    assert loaded(*arguments) & {*HEAVY, "asyncio"} == set()


def test_shows_help_without_drawing() -> None:
    assert "rich" not in loaded("ask", "--help")


@pytest.mark.embedded
def test_asks_the_embedded_model_with_nothing_else_loaded(tmp_path: Path) -> None:
    installed_model()
    with lmb.SqliteRecorder(tmp_path / "runs.db") as log:  # making the file's tables loads more, once
        lmb.SimpleBot(recorder=log, completion=ScriptedCompletion(["yes"]))("?")
    packages = loaded("ask", "-t", "0", "What is 2+2?", LLAMABOT_RECORD=str(log.path))
    assert packages & {*HEAVY, "fastapi", "rich"} == {"xllamacpp"}


@pytest.mark.embedded
def test_answers_on_the_installed_model_and_says_so(tmp_path: Path) -> None:
    installed_model()
    schema = tmp_path / "person.json"
    schema.write_text('{"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}')
    ended = run("ask", "Extract the age.", "-t", "0", "--schema", schema, stdin="John is 25 years old.")
    assert (ended.status, json.loads(ended.out)) == (0, {"age": 25})
    assert ended.err.startswith("llamabot: using embedded/smollm2, an installed model, because none is set")


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_names_the_line_that_installs_what_is_missing(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from llamabot.app.cli import main; sys.exit(main(['ask', '?']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'llamabot: {package} is not installed; mend it with: pip install "llamabot[cli]"\n'
