"""Documents made ready to be written: cut, and their passages embedded, before any lock is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from llamabot.adapters.sqlite.docstore.encoding import text_digest
from llamabot.ports.documents import Document, Passage, Place
from llamabot.ports.embedding import EmbeddingPort, Vectors
from llamabot.ports.errors import EmbeddingError
from llamabot.ports.splitter import SplitterPort

__all__ = ["WHOLE", "Prepared", "embedded_query", "embedded_texts", "missing_texts", "prepared"]

WHOLE = "whole"


class Prepared(msgspec.Struct, frozen=True):
    """A document that was cut.

    Attributes:
        digest: of the document.
        passages: each with the digest of its text.
    """

    document: Document
    digest: bytes
    passages: tuple[tuple[Passage, bytes], ...]


def prepared(document: Document, digest: bytes, splitter: SplitterPort | None) -> Prepared:
    """Return a document, cut."""
    passages = _whole(document) if splitter is None else splitter.split(document)
    return Prepared(document, digest, tuple((passage, text_digest(passage.text)) for passage in passages))


def missing_texts(documents: Iterable[Prepared], known: set[bytes]) -> dict[bytes, str]:
    """Return the texts, by digest, that no vector is known of, each once."""
    return {
        digest: passage.text for document in documents for passage, digest in document.passages if digest not in known
    }


def embedded_texts(embedding: EmbeddingPort, texts: Mapping[bytes, str]) -> dict[bytes, bytes]:
    """Return the vectors of texts, each under the digest of its text, as they are stored.

    Raises:
        EmbeddingError: they are not what the port promises; and what the embedder raises.
    """
    if not texts:
        return {}
    vectors = _embedded(embedding, list(texts.values()))
    return {digest: vector.tobytes() for digest, vector in zip(texts, vectors, strict=True)}


def embedded_query(embedding: EmbeddingPort, query: str) -> Vectors:
    """Return the vector of a query, shape (d,).

    Raises:
        EmbeddingError: as `embedded_texts`.
    """
    vector: Vectors = _embedded(embedding, [query])[0]
    return vector


def _embedded(embedding: EmbeddingPort, texts: Sequence[str]) -> Vectors:
    import numpy as np

    vectors = np.asarray(embedding.embed(texts))
    expected = (len(texts), embedding.dimensions)
    if vectors.shape != expected:
        raise EmbeddingError(
            f"the embedder {embedding.name!r} gave an array of shape {vectors.shape} for {len(texts)} texts; "
            f"{expected} was expected"
        )
    vectors = np.ascontiguousarray(vectors, dtype="<f4")
    if not np.isfinite(vectors).all():
        raise EmbeddingError(f"the embedder {embedding.name!r} gave a vector with values that are no numbers")
    return vectors


def _whole(document: Document) -> tuple[Passage, ...]:
    """Return a document as one passage, () if there is nothing in it."""
    if not document.text.strip():
        return ()
    first = next((section for section in document.sections if section.start == 0), None)
    place = Place(document.source, 0, len(document.text))
    if first is not None:
        place = msgspec.structs.replace(place, heading=first.heading, page=first.page)
    return (Passage(document.id, 0, document.text, place, document.metadata),)
