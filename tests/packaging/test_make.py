"""The two commands' machinery: the list of targets, what is typed reaches the demo, the environment is made once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pip
import pytest
from tests.project import ROOT

OF_AN_OUTER_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "QUESTION", "TEXT"}
SAY_ARGUMENTS = f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"

# A project that builds itself, so that the environments here need no index.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
"""
BACKEND = """
import zipfile
from pathlib import Path
def build_editable(folder, config_settings=None, metadata_directory=None):
    Path("builds").open("a").write("x")
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return name
"""
# In the place of Python's own, in the tests in which making an environment is not the point.
QUICK_VENV = """
import shutil, sys
from pathlib import Path
[folder] = map(Path, sys.argv[1:])
assert [path.name for path in folder.iterdir()] == [".llamabot"]
shutil.copytree({made!r}, folder, symlinks=True, dirs_exist_ok=True)
"""


def _make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--directory", str(ROOT), "--no-print-directory", *arguments]
    outside = {name: value for name, value in os.environ.items() if name not in OF_AN_OUTER_MAKE}
    return subprocess.run(command, env={**outside, **environment}, capture_output=True, text=True, check=False)


def test_make_alone_lists_the_targets() -> None:
    listed = _make().stdout
    for target in ("demo", "test", "dev", "lint", "types", "bench", "lock", "format", "clean"):
        assert f"make {target} " in listed


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Return a folder whose `llamabot` prints its arguments."""
    path = tmp_path / "bin" / "llamabot"
    path.parent.mkdir()
    path.write_text(SAY_ARGUMENTS)
    path.chmod(0o755)
    return path.parent


@pytest.mark.parametrize(
    "question",
    [
        "What is it?",
        'It\'s "5 $" or $HOME or $(HOME) or ${HOME}?',
        "$(shell touch pwned) $( `touch pwned` \\ # % $$",
        "Wie heißt das, 日本?",
        "two\nlines",
        "--help",
    ],
)
def test_the_demo_gets_the_question_as_it_was_typed(commands: Path, question: str) -> None:
    for done in (
        _make("demo", "prepare=:", f"BIN={commands}", f"QUESTION={question}", "TEXT=a text.md", "DOCS=my $docs"),
        _make("demo", "prepare=:", f"BIN={commands}", QUESTION=question, TEXT="a text.md", DOCS="my $docs"),
    ):
        assert json.loads(done.stdout) == ["demo", "--text=a text.md", "--docs=my $docs", f"--question={question}"]
    assert not (ROOT / "pwned").exists()


def test_the_demo_asks_its_own_question_if_none_is_given(commands: Path) -> None:
    assert json.loads(_make("demo", "prepare=:", f"BIN={commands}").stdout) == ["demo"]


def test_a_failing_check_fails_the_target(commands: Path) -> None:
    for name in ("ruff", "lint-imports", "mypy"):
        (commands / name).symlink_to(shutil.which("true") or "true")
    (commands / "pytest").symlink_to(shutil.which("false") or "false")
    done = _make("test", "prepare=:", f"BIN={commands}")
    assert done.returncode != 0
    assert [line for line in done.stdout.splitlines() if line.startswith("---")] == [
        "--- format",
        "--- lint",
        "--- import arrows",
        "--- types",
        "--- tests",
    ]


def test_says_clearly_that_no_python_fits(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10)\n$1"\n')
    old.chmod(0o755)
    done = _make("dev", f"PYTHON={old}")
    assert done.returncode != 0
    assert "No Python from 3.11 to 3.13 was found" in done.stderr
    assert f"{old}: is Python 3.10" in done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment to copy: unpacking pip takes seconds; the pip that is here does as well."""
    folder = tmp_path_factory.mktemp("made") / ".venv"
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "pip.pth").write_text(str(Path(pip.__file__).parent.parent))
    return folder


@pytest.fixture
def checkout(tmp_path: Path, made: Path) -> Path:
    """Return a checkout whose locks name no package, and where the demo's is installed."""
    folder = tmp_path / "a checkout"
    (folder / "requirements").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("dev", "demo"):
        (folder / "requirements" / f"{name}.txt").write_text("# nothing\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    shutil.copytree(made, folder / ".venv", symlinks=True)
    asking = "import sys; sys.path[0] = 'scripts'; import environment; environment.lock_stamp('demo').touch()"
    subprocess.run([sys.executable, "-c", asking], cwd=folder, check=True)
    return folder


@pytest.fixture
def quick_venv(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `python -m venv` copy what is made already, and refuse all that it would not do the same way."""
    folder = tmp_path / "quick"
    folder.mkdir()
    (folder / "venv.py").write_text(QUICK_VENV.format(made=str(made)))
    monkeypatch.setenv("PYTHONPATH", str(folder))


def _prepare(checkout: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "scripts" / "environment.py"), name]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_environment_is_made_once_for_a_lock(checkout: Path) -> None:
    first = _prepare(checkout, "dev")
    assert (first.returncode, first.stderr) == (0, "")
    assert "Installing requirements/dev.txt" in first.stdout
    for name in ("dev", "demo"):
        again = _prepare(checkout, name)
        assert (again.returncode, again.stdout) == (0, ""), "where dev is installed, the demo needs nothing more"
    assert (checkout / "builds").read_text() == "x"


def test_a_changed_project_is_installed_again_and_its_packages_are_not(checkout: Path) -> None:
    assert _prepare(checkout, "demo").stdout == ""
    with (checkout / "pyproject.toml").open("a") as file:
        file.write('[project.scripts]\ntiny = "tiny:main"\n')
    assert _prepare(checkout, "demo").stdout == ""
    assert (checkout / "builds").read_text() == "xx"


@pytest.mark.usefixtures("quick_venv")
def test_a_changed_lock_makes_a_new_environment(checkout: Path) -> None:
    (checkout / ".venv" / "of-the-old-lock").touch()
    (checkout / "requirements" / "demo.txt").write_text("# another nothing\n")
    assert "Installing requirements/demo.txt" in _prepare(checkout, "demo").stdout
    assert not (checkout / ".venv" / "of-the-old-lock").exists()
    assert _prepare(checkout, "demo").stdout == ""


def _made_for_development_otherwise(checkout: Path) -> Path:
    """Make the environment one of another lock; return a file of somebody's in it."""
    for stamp in (checkout / ".venv").glob(".*-*"):
        stamp.unlink()
    (checkout / ".venv" / ".dev-0123456789abcdef").touch()
    (checkout / ".venv" / "work").touch()
    return checkout / ".venv" / "work"


def test_the_demo_takes_an_environment_for_development_as_it_is(checkout: Path) -> None:
    work = _made_for_development_otherwise(checkout)
    done = _prepare(checkout, "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Using .venv/ as it is" in done.stdout
    assert "`make dev` renews it" in done.stdout
    assert work.exists()
    assert (checkout / "builds").read_text() == "x"


@pytest.mark.usefixtures("quick_venv")
def test_an_environment_whose_python_is_gone_is_made_anew_for_the_demo(checkout: Path) -> None:
    work = _made_for_development_otherwise(checkout)
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("gone")
    assert _prepare(checkout, "demo").returncode == 0
    assert not work.exists()


@pytest.mark.parametrize("name", ["dev", "demo"])
def test_an_environment_that_was_not_made_here_is_left_as_it_is(checkout: Path, name: str) -> None:
    work = _made_for_development_otherwise(checkout)
    (checkout / ".venv" / ".dev-0123456789abcdef").rename(checkout / ".venv" / ".dev-of-my-own")
    refused = _prepare(checkout, name)
    assert refused.returncode != 0
    assert "was not made by this Makefile, so it is left as it is" in refused.stderr
    assert "rm -r .venv" in refused.stderr
    assert work.exists()


def test_the_demo_is_not_timed_from_another_environment(checkout: Path) -> None:
    shutil.copytree(ROOT / "benchmarks", checkout / "benchmarks")
    (checkout / "Makefile").write_text("demo:\n\t@touch asked\n")
    command = [sys.executable, "-c", "from benchmarks.demo import measure; measure()"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert "in the checkout's own environment: make bench" in done.stderr
    assert not (checkout / "asked").exists()


@pytest.mark.usefixtures("quick_venv")
def test_an_install_that_fails_is_shown_leaves_no_stamp_and_is_made_whole_the_next_time(checkout: Path) -> None:
    (checkout / "requirements" / "dev.txt").write_text("not-hashed==1\n")
    failed = _prepare(checkout, "dev")
    assert failed.returncode != 0
    assert "not-hashed==1" in failed.stderr
    assert list((checkout / ".venv").glob(".*-*")) == []
    (checkout / "requirements" / "dev.txt").write_text("# mended\n")
    assert _prepare(checkout, "dev").returncode == 0
