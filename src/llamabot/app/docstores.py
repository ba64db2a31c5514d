"""The document store that people use: SQLite, FAISS, the default embedder and splitter put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from llamabot.adapters.faiss import FaissIndexes
from llamabot.adapters.sqlite.docstore import SqliteDocStore
from llamabot.ports.embedding import EmbeddingPort, Vectors
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.fusion import FusionRule, WeightedScores
from llamabot.ports.provider import current_embedding, current_provider
from llamabot.ports.splitter import SplitterPort

__all__ = ["FaissDocStore"]

# By the default rule it costs 2 answers in 100 at most, questions of three words included; docs/adr/0020-fusion.md.
_RELEVANT_TO_MINILM = 0.25
_MINILM = "minilm-"


class FaissDocStore(SqliteDocStore):
    """A folder of documents that can be searched by meaning and by words.

    Documents, passages and vectors are in SQLite, which is the truth; the FAISS index beside it is a cache. Safe to
    share by threads, and the folder by processes: one writes at a time, many read meanwhile, and all of them see each
    `add` whole or not at all. The folder is made with the first document, readable by its owner alone.

    Args:
        path: of the folder; `~` is expanded; None is memory.
        embedding: makes the vectors; None is the one that is configured, by default MiniLM on this machine; False
            is none, and words alone are searched.
        splitter: cuts documents into passages; None is a configured container's, else `SemanticSplitter()`.
        fusion: how closeness of meaning and shared words make one score; None is `WeightedScores` where there is an
            embedder, else words alone.
        relevant_score: a match below it is probably not about the query; None is 0.25 where MiniLM makes the vectors
            and the fusion rule is the default, else 0.0, "cannot tell".
        patience_s: how long to wait while another process or thread writes.

    Raises:
        MissingExtra: FAISS is needed and not installed.
        ConfigurationError: the fusion rule needs an embedder and there is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        embedding: EmbeddingPort | Literal[False] | None = None,
        splitter: SplitterPort | None = None,
        fusion: FusionRule | None = None,
        relevant_score: float | None = None,
        patience_s: float = 10.0,
    ) -> None:
        super().__init__(
            path,
            embedding=None if embedding is False else _CurrentEmbedding(embedding),
            index=None if embedding is False else FaissIndexes(),
            splitter=current_provider().splitter() if splitter is None else splitter,
            fusion=fusion,
            relevant_score=relevant_score,
            patience_s=patience_s,
        )

    @property
    def relevant_score(self) -> float:
        """Return what was given, or what is known of the embedder under the default fusion rule."""
        if self._relevant_score is not None:
            return self._relevant_score
        is_known = self._fusion == WeightedScores() and (self.built_with() or "").startswith(_MINILM)
        return _RELEVANT_TO_MINILM if is_known else 0.0


class _CurrentEmbedding:
    """The embedder in force when it is asked: an override, the one that was given, or the configured one."""

    def __init__(self, given: EmbeddingPort | None) -> None:
        if given is not None and not hasattr(given, "embed"):
            raise ConfigurationError(
                f"embedding={given!r} is no embedder; leave it out for the configured one, or pass False for none"
            )
        self._given = given

    @property
    def name(self) -> str:
        return current_embedding(self._given).name

    @property
    def dimensions(self) -> int:
        return current_embedding(self._given).dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        return current_embedding(self._given).embed(texts)
