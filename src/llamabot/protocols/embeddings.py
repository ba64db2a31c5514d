"""The embeddings wire, which OpenAI's servers speak: texts in batches, answers as unit rows.

Source: https://platform.openai.com/docs/api-reference/embeddings. numpy is loaded when vectors are first wanted.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import BadCompletion, ConfigurationError, EmbeddingError, MissingExtra
from llamabot.protocols.chat_completions.fields import ProviderFailed, told_in

__all__ = ["Plan", "PlannedEmbedding", "items_in", "vendor"]

# Some providers limit the tokens of a request too.
_BATCH_CHARACTERS = 200_000
# What says where and how the provider is reached, and changes no vector.
_CONNECTION = frozenset(
    {
        *("api_base", "api_type", "api_version", "base_url", "encoding_format", "extra_headers", "headers"),
        *("organization", "timeout", "user"),
    }
)


def vendor() -> Any:
    """Return numpy.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import numpy
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package("numpy", "faiss") from error
    return numpy


class Plan:
    """How texts become requests, and the vectors of their answers one array; safe to share by threads.

    Args:
        model: its name.
        dimensions: to ask for, None for the model's own, which is learnt from its answers.
        batch_size: most texts in a request.
        max_bytes: of a text that are sent, in UTF-8.

    Attributes:
        model: its name.
        wanted: the dimensions to ask for.
        learnt: those of the vectors, None until they are known.
    """

    def __init__(self, model: str, dimensions: int | None, batch_size: int, max_bytes: int) -> None:
        for name, least in (("dimensions", dimensions), ("batch_size", batch_size), ("max_bytes", max_bytes)):
            if least is not None and least < 1:
                raise ConfigurationError(f"{name}={least}: it is 1 or more")
        if not model.strip():
            raise ConfigurationError("embedding: no model is named; 'openai/text-embedding-3-small' is one")
        self.model = model
        self.wanted = self.learnt = dimensions
        self._batch_size = batch_size
        self._max_bytes = max_bytes

    def name(self, options: Mapping[str, Any]) -> str:
        """Return the model's name with what was asked of it that may change its vectors."""
        asked = {name: value for name, value in options.items() if name not in _CONNECTION}
        if self.wanted is not None:
            asked["dimensions"] = self.wanted
        return " ".join([self.model, *(f"{name}={value}" for name, value in sorted(asked.items()))])

    @property
    def fields(self) -> dict[str, int]:
        """Of every request: the dimensions, where they are asked for."""
        return {} if self.wanted is None else {"dimensions": self.wanted}

    def batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yield the texts as they are sent; for none, one of ours, if nothing is known of the vectors yet."""
        asked = texts if len(texts) or self.learnt else ["dimensions"]
        return _batches(asked, self._batch_size, self._max_bytes)

    def joined(self, found: Sequence[Vectors], count: int) -> Vectors:
        """Return the first `count` vectors of all answers, after a look at their dimensions."""
        numpy = vendor()
        for vectors in found:
            size = vectors.shape[1]
            if self.learnt is None:
                self.learnt = size
            if size != self.learnt:
                raise EmbeddingError(f"{self.model}: vectors have {size} dimensions where {self.learnt} were expected")
        joined: Vectors = numpy.concatenate([numpy.empty((0, self.learnt), numpy.float32), *found])[:count]
        return joined

    def vectors(self, items: Any, count: int) -> Vectors:
        """Return the unit rows of an answer's `data`, in the order of the texts.

        Raises:
            EmbeddingError: it holds no such rows.
        """
        try:
            return _unit_rows(_in_order(items, count))
        except _NotVectors as error:
            told = f"the provider's answer is no embedding of {count} texts: {error}"
            raise EmbeddingError(f"{self.model}: {told}") from None


class PlannedEmbedding:
    """What an embedder tells of itself that asks by a plan.

    Attributes:
        options: what may be seen of those for every request.
    """

    options: Mapping[str, Any]
    _plan: Plan

    @property
    def name(self) -> str:
        """Of the model, with what was asked of it."""
        return self._plan.name(self.options)

    @property
    def dimensions(self) -> int:
        """Of the vectors; a model that has not answered yet is asked for one.

        Raises:
            EmbeddingError: it gives none.
        """
        return self.embed(["dimensions"]).shape[1] if self._plan.learnt is None else self._plan.learnt

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        raise NotImplementedError


def items_in(body: bytes) -> Any:
    """Return the `data` of an answer.

    Raises:
        BadCompletion: it is no JSON.
        ProviderFailed: it is an error.
    """
    try:
        answer = json.loads(body)
    except RecursionError as error:
        raise BadCompletion(f"the provider answered with something that is no embedding: {error}") from error
    except ValueError as error:
        raise BadCompletion("the provider answered with something that is not JSON") from error
    if not isinstance(answer, dict):
        return None
    if answer.get("error"):
        raise ProviderFailed(told_in(answer["error"]))
    return answer.get("data")


class _NotVectors(Exception):
    """An answer is not what was asked for, and why."""


def _in_order(items: Any, count: int) -> list[Any]:
    """Return the vectors of an answer in the order of their texts; without numbers they are in it already."""
    if not isinstance(items, list) or len(items) != count:
        raise _NotVectors(f"it has {len(items)} vectors" if isinstance(items, list) else "it has no vectors")
    indices = [_field(item, "index") for item in items]
    rows = [_field(item, "embedding") for item in items]
    if all(index is None for index in indices):
        return rows
    if any(type(index) is not int for index in indices) or sorted(indices) != list(range(count)):
        raise _NotVectors("its numbers are not those of the texts")
    return [row for _, row in sorted(zip(indices, rows, strict=True), key=lambda pair: pair[0])]


def _field(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def _unit_rows(rows: Sequence[Any]) -> Vectors:
    numpy = vendor()
    try:
        parsed = numpy.array([_numbers(row) for row in rows], numpy.float64)
    except (TypeError, ValueError, OverflowError):
        raise _NotVectors("they are not lists of numbers, all of the same length") from None
    if parsed.ndim != 2 or not parsed.shape[1]:
        raise _NotVectors("they are not lists of numbers, all of the same length")
    lengths = numpy.linalg.norm(parsed, axis=1, keepdims=True)
    if not (numpy.isfinite(lengths).all() and lengths.all()):
        raise _NotVectors("one of them has no direction: it is zero, infinite or not a number")
    vectors: Vectors = (parsed / lengths).astype(numpy.float32)
    return vectors


def _numbers(row: Any) -> Any:
    """Return a vector's numbers, which may come as base64 of little-endian floats of four bytes."""
    if isinstance(row, str):
        return vendor().frombuffer(base64.b64decode(row, validate=True), "<f4")
    if not isinstance(row, list) or any(isinstance(number, bool | str | None) for number in row):
        raise TypeError
    return row


def _batches(texts: Iterable[str], most: int, most_bytes: int) -> Iterator[list[str]]:
    """Yield the texts as they are sent, in as few batches as the limits allow.

    A text of white space alone goes out as a full stop, for many providers refuse it.
    """
    batch: list[str] = []
    size = 0
    for text in texts:
        sent = text.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")
        size += len(sent)
        if batch and (len(batch) == most or size > _BATCH_CHARACTERS):
            yield batch
            batch, size = [], len(sent)
        batch.append(sent if sent.strip() else ".")
    if batch:
        yield batch
