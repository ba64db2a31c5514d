"""Where the command line records, what it leaves there, and what it costs when that fails: never the answer."""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_data_path
from tests.e2e.command import Ended

import llamabot as lmb
from llamabot.app.cli import main
from llamabot.testing import ScriptedCompletion

Command = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in a folder, in this process; more keywords are variables of its environment."""

    def run(*arguments: str, cwd: Path, **variables: str) -> Ended:
        with monkeypatch.context() as there:
            there.chdir(cwd)
            there.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
            for name, value in variables.items():
                there.setenv(name, value)
            status = main(arguments)
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def ask(run: Command) -> Command:
    """Asks a scripted model in a folder."""

    def ask(folder: Path, **variables: str) -> Ended:
        with lmb.override(completion=ScriptedCompletion(["the answer"])):
            return run("ask", "the question", cwd=folder, **variables)

    return ask


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mark", [".git", "pyproject.toml", "llamabot.toml"])
def test_records_in_the_project_for_its_owner_alone(tmp_path: Path, mark: str, run: Command, ask: Command) -> None:
    (tmp_path / mark).mkdir() if mark == ".git" else (tmp_path / mark).touch()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert ask(deep) == Ended(0, "the answer\n", "")
    folder = tmp_path / ".llamabot"
    assert (_mode(folder), _mode(folder / "runs.db")) == (0o700, 0o600)
    assert (folder / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".llamabot", "a", mark])
    assert "ask" in run("runs", cwd=tmp_path).out


def test_records_in_the_users_folder_outside_of_a_project(tmp_path: Path, run: Command, ask: Command) -> None:
    assert ask(tmp_path).out == "the answer\n"
    assert list(tmp_path.iterdir()) == []
    log = user_data_path("llamabot", appauthor=False) / "runs.db"
    assert _mode(log) == 0o600
    assert "ask" in run("runs", cwd=tmp_path).out


def test_records_where_it_is_told(tmp_path: Path, run: Command, ask: Command) -> None:
    (tmp_path / "pyproject.toml").touch()
    ask(tmp_path, LLAMABOT_RECORD="log/runs.db")
    assert _mode(tmp_path / "log" / "runs.db") == 0o600
    assert not (tmp_path / ".llamabot").exists()
    assert "ask" in run("runs", cwd=tmp_path, LLAMABOT_RECORD="log/runs.db").out
    assert "nothing is recorded yet" in run("runs", cwd=tmp_path).err


def test_records_nothing_when_it_is_off(tmp_path: Path, run: Command, ask: Command) -> None:
    (tmp_path / "llamabot.toml").write_text('record = "off"')
    assert ask(tmp_path) == Ended(0, "the answer\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["llamabot.toml"]
    ended = run("runs", cwd=tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert "recording is off" in ended.err


def test_keeps_contents_out_of_metadata(tmp_path: Path, run: Command, ask: Command) -> None:
    (tmp_path / "pyproject.toml").touch()
    ask(tmp_path, LLAMABOT_RECORD="metadata")
    stored = b"".join(path.read_bytes() for path in (tmp_path / ".llamabot").iterdir())
    assert b"the question" not in stored
    assert b"the answer" not in stored
    shown = run("show", cwd=tmp_path, LLAMABOT_RECORD="metadata").out
    assert "ask  completed" in shown
    assert "2 in, 2 out" in shown


@pytest.mark.parametrize("broken", ["a file for a folder", "no database", "another program's database"])
def test_answers_although_the_log_cannot_be_written(tmp_path: Path, broken: str, ask: Command) -> None:
    (tmp_path / "pyproject.toml").touch()
    log = tmp_path / "log" / "runs.db"
    if broken == "a file for a folder":
        log.parent.touch()
    else:
        log.parent.mkdir()
        log.write_bytes(b"not a database" * 1000 if broken == "no database" else b"SQLite format 3\0" + bytes(4080))
    ended = ask(tmp_path, LLAMABOT_RECORD=str(log))
    assert (ended.status, ended.out) == (0, "the answer\n")
    assert ended.err.count("\n") == 1, ended.err
    assert str(log) in ended.err


@pytest.mark.parametrize("link", [".llamabot", ".llamabot/runs.db"])
def test_follows_no_link_of_a_strangers_checkout(tmp_path: Path, link: str, run: Command, ask: Command) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.mkdir()
    (project / "pyproject.toml").touch()
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(elsewhere / "theirs.db" if link.endswith(".db") else elsewhere)
    assert ask(project).out == "the answer\n"
    assert list(elsewhere.iterdir()) == []
    assert "ask" in run("runs", cwd=project).out


def test_keeps_the_ignore_file_that_is_there(tmp_path: Path, ask: Command) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".llamabot").mkdir()
    (tmp_path / ".llamabot" / ".gitignore").write_text("mine\n")
    ask(tmp_path)
    assert (tmp_path / ".llamabot" / ".gitignore").read_text() == "mine\n"
