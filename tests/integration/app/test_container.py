"""The container: its providers bear the ports' names and every one of them builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dependency_injector import containers, providers

import llamabot as lmb
from llamabot.app.settings import Settings
from llamabot.domain.messages import to_messages
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.provider import PORT_NAMES
from llamabot.testing import CountingIds, HashedEmbedding, InMemoryRecorder, ScriptedCompletion

BUILT = {
    "clock": "SystemClock",
    "completion": "LiteLLMCompletion",
    "docstore": "FaissDocStore",
    "embedding": "OnnxEmbedding",
    "ids": "RandomIds",
    "memory": "ChatMemory",
    "recorder": "InMemoryRecorder",
    "settings": "Settings",
    "splitter": "SemanticSplitter",
    "toolbox": "LocalToolbox",
}


def test_bears_the_names_of_the_ports() -> None:
    assert set(lmb.Container.providers) == {*PORT_NAMES, "settings", "splitter", "toolbox"}


@pytest.mark.parametrize(("name", "kind"), BUILT.items())
def test_builds_every_provider(name: str, kind: str) -> None:
    assert set(BUILT) == set(lmb.Container.providers)
    given: list[Any] = {"completion": ["openai/gpt-x"], "toolbox": [[]]}.get(name, [])
    assert type(lmb.Container().providers[name](*given)).__name__ == kind


def test_builds_the_embedded_adapter_by_its_name() -> None:
    assert type(lmb.Container().completion("embedded/smollm2")) is lmb.EmbeddedCompletion


@pytest.mark.parametrize(
    ("record", "kind"), [(None, "InMemoryRecorder"), ("metadata", "MetadataRecorder"), ("off", "NoneType")]
)
def test_builds_the_recorder_that_is_asked_for(record: str | None, kind: str) -> None:
    container = lmb.Container(settings=providers.Object(Settings(record=record)))
    assert type(container.recorder()).__name__ == kind


def test_builds_a_recorder_on_a_path(tmp_path: Path) -> None:
    container = lmb.Container(settings=providers.Object(Settings(record=str(tmp_path / "runs.db"))))
    recorder = container.recorder()
    assert isinstance(recorder, lmb.SqliteRecorder)
    lmb.SimpleBot(completion=ScriptedCompletion(["hello"]), recorder=recorder)("hi")
    recorder.close()
    assert (tmp_path / "runs.db").exists()


def test_makes_one_log_a_container_and_one_memory_a_call() -> None:
    container = lmb.Container()
    assert container.recorder() is container.recorder()
    assert container.recorder() is not lmb.Container().recorder()
    assert container.memory() is not container.memory()


def test_makes_stores_of_its_own_embedder_and_splitter(tmp_path: Path) -> None:
    container = lmb.Container()
    container.embedding.override(providers.Object(HashedEmbedding()))
    container.splitter.override(providers.Factory(lmb.SemanticSplitter, size=20))
    with container.docstore(tmp_path / "store") as store:
        store.add([lmb.Document(id="a", text="mold is a linker. lld is one too.")])
        assert [match.passage.text for match in store.search("mold")] == ["mold is a linker.", "lld is one too."]
        assert store.built_with() == HashedEmbedding().name
    assert (tmp_path / "store").is_dir()


def test_needs_a_model_for_a_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="LLAMABOT_MODEL"):
        lmb.Container().completion()
    monkeypatch.setenv("LLAMABOT_MODEL", "openai/gpt-x")
    assert type(lmb.Container().completion()) is lmb.LiteLLMCompletion


def test_can_be_overridden_and_subclassed() -> None:
    @containers.copy(lmb.Container)
    class Ours(lmb.Container):
        ids = providers.Singleton(CountingIds)

    container = Ours()
    with container.completion.override(providers.Object(ScriptedCompletion(["hello"]))):
        bot = lmb.SimpleBot(completion=container.completion("m"), ids=container.ids(), recorder=InMemoryRecorder())
        result = bot.run(*to_messages("hi"))
    assert (result.text, type(container.ids())) == ("hello", CountingIds)
