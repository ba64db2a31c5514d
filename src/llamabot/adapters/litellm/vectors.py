"""One request for vectors: its arguments, how its answer is read, and what its end means. Nothing here waits."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from llamabot.adapters.litellm.call import key_names
from llamabot.adapters.litellm.errors import Failure, Scene, failure_of
from llamabot.adapters.litellm.words import Scrubber
from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, EmbeddingError, MissingExtra, PortError
from llamabot.ports.offline import is_offline
from llamabot.ports.secrets import Secrets

__all__ = ["VectorRequest", "vendor"]


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


_CARRIED = ("retryable", "retry_after_s", "status_code")


class _Never(int):
    """No retries. Where texts are embedded, LiteLLM takes a plain 0 for "not said", and asks three times."""

    def __bool__(self) -> bool:
        return True


_NEVER = _Never(0)


class VectorRequest:
    """One request on its way.

    Attributes:
        arguments: what LiteLLM is called with, keys included; therefore no local variable of a frame that raises.
    """

    def __init__(self, model: str, texts: Sequence[str], arguments: Mapping[str, Any], secrets: Secrets) -> None:
        if is_offline():
            raise ConfigurationError(
                "LLAMABOT_OFFLINE is set, so no provider is asked; unset it, or use the embedder of this machine: "
                "embedding='embedded/minilm'"
            )
        self.arguments: dict[str, Any] = {"max_retries": _NEVER, "num_retries": 0, **arguments, "model": model}
        self.arguments["input"] = list(texts)
        self._model = model
        self._count = len(texts)
        self._secrets = secrets
        self._outer = sys.exception()
        self._answered = False

    def vectors(self, response: Any) -> Vectors:
        """Return the unit rows of an answer, in the order of the texts.

        Raises:
            EmbeddingError: it holds no such rows.
        """
        self._answered = True
        try:
            return _unit_rows(_in_order(response.data, self._count))
        except _NotVectors as error:
            told = f"the provider's answer is no embedding of {self._count} texts: {error}"
            raise EmbeddingError(f"{self._model}: {told}") from None

    def failure(self, error: BaseException) -> Failure:
        """Return our error for one that ended this request; what the provider did is an `EmbeddingError`."""
        scene = Scene(
            model=self._model,
            timeout_s=float(self.arguments["timeout"]),
            scrubber=Scrubber(self.arguments, self._secrets),
            outer=self._outer,
            answered=self._answered,
            partial=None,
            key_names=lambda: key_names(self._model),
            wanted="embedding",
        )
        found = failure_of(error, scene)
        if not isinstance(found.error, PortError) or isinstance(found.error, EmbeddingError):
            return found
        ours = EmbeddingError(str(found.error))
        for name in _CARRIED:
            if hasattr(found.error, name):
                setattr(ours, name, getattr(found.error, name))
        return Failure(ours, found.cause)


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
