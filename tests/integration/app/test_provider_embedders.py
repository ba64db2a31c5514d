"""Which embedder the process-wide provider gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.app.provided import go_to

import llamabot as lmb
from llamabot.app.provider import AppProvider
from llamabot.ports.embedding import EmbeddingPort
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.provider import current_embedding
from llamabot.testing import HashedEmbedding


def test_takes_an_embedder_from_configure_then_the_settings_then_its_own(
    provider: AppProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = provider.embedding()
    assert isinstance(own, lmb.OnnxEmbedding)
    assert provider.embedding() is own
    go_to(tmp_path / "p", 'embedding = "embedded/other"')
    other = provider.embedding()
    assert "other" in _missing(other)
    monkeypatch.setenv("LLAMABOT_EMBEDDING", "embedded/another")
    assert "another" in _missing(provider.embedding())
    lmb.configure(embedding="embedded/configured")
    assert "configured" in _missing(provider.embedding())
    hashed = HashedEmbedding()
    lmb.configure(embedding=hashed)
    assert provider.embedding() is hashed
    lmb.configure(embedding=None)
    assert "another" in _missing(provider.embedding())


def test_replaces_an_embedder_in_a_block(provider: AppProvider) -> None:
    given, replaced, configured = HashedEmbedding(8), HashedEmbedding(9), HashedEmbedding(10)
    lmb.configure(embedding=configured)
    assert current_embedding() is configured
    assert current_embedding(given) is given
    with lmb.override(embedding=replaced):
        assert current_embedding(given) is replaced
    assert current_embedding(given) is given


@pytest.mark.parametrize("wrong", [HashedEmbedding, 384, Path("minilm.onnx")])
def test_refuses_what_is_no_embedder(provider: AppProvider, wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="embedding="):
        lmb.configure(embedding=wrong)  # type: ignore[arg-type]  # it is the test
    with pytest.raises(ConfigurationError, match="embedding="), lmb.override(embedding=wrong):
        pass


def _missing(embedding: EmbeddingPort) -> str:
    """Return what an embedder says of its model, which is not here."""
    with pytest.raises(ConfigurationError, match="is not installed") as caught:
        embedding.embed(["a"])
    return str(caught.value)
