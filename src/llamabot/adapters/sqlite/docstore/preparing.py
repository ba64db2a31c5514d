"""Documents made ready to be written: cut, and their passages embedded, before any lock is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from llamabot.adapters.sqlite.docstore.encoding import text_digest
from llamabot.ports.documents import Document, Passage, Place
from llamabot.ports.embedding import EmbeddingPort, Vectors
from llamabot.ports.errors import EmbeddingError
from llamabot.ports.splitter import SplitterPort

__all__ = ["WHOLE", "Prepared", "embedded_query", "embedded_texts", "missing_texts", "prepared"]

WHOLE = "whole"

# How far the length of a row may be from 1: rounding, in half precision too, stays far below it.
_ABOUT_ONE = 1e-3


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

    vectors = _numbers(embedding, embedding.embed(texts))
    expected = (len(texts), embedding.dimensions)
    if vectors.shape != expected:
        raise EmbeddingError(
            f"the embedder {embedding.name!r} gave an array of shape {vectors.shape} for {len(texts)} texts; "
            f"{expected} was expected"
        )
    squares = np.einsum("ij,ij->i", vectors, vectors).tolist()
    if not all(abs(square - 1) <= 2 * _ABOUT_ONE for square in squares):  # what is no number is not near 1 either
        raise EmbeddingError(_complaint(embedding, vectors))
    return vectors


def _complaint(embedding: EmbeddingPort, vectors: Vectors) -> str:
    """Return what is wrong with rows that are no unit vectors."""
    import numpy as np

    if not np.isfinite(vectors).all():
        return f"the embedder {embedding.name!r} gave a vector with values that are no numbers"
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return (
        f"the embedder {embedding.name!r} gave a vector of length {lengths[np.abs(lengths - 1).argmax()]:.4g}, "
        "and scores are right for vectors of length 1 alone; let it return "
        "vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)"
    )


def _numbers(embedding: EmbeddingPort, given: Any) -> Vectors:
    """Return what an embedder gave as float32; more digits than that, and lists, do no harm."""
    import numpy as np

    if isinstance(given, np.ndarray) and given.dtype == np.float32:
        return np.ascontiguousarray(given, dtype="<f4")
    try:
        vectors = np.asarray(given)
        if vectors.dtype.kind not in "fiu":
            raise TypeError(f"values of type {vectors.dtype}")
    except (TypeError, ValueError) as error:
        raise EmbeddingError(
            f"the embedder {embedding.name!r} gave what is no array of numbers ({error}); "
            "let it return one of shape (texts, dimensions) and of type float32"
        ) from error
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return np.ascontiguousarray(vectors, dtype="<f4")


def _whole(document: Document) -> tuple[Passage, ...]:
    """Return a document as one passage, () if there is nothing in it."""
    if not document.text.strip():
        return ()
    first = next((section for section in document.sections if section.start == 0), None)
    place = Place(document.source, 0, len(document.text))
    if first is not None:
        place = msgspec.structs.replace(place, heading=first.heading, page=first.page)
    return (Passage(document.id, 0, document.text, place, document.metadata),)
