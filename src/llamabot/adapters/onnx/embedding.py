"""An embedding model in this process: the embedding port on onnxruntime."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from llamabot.adapters.onnx.model import Model, load_model, usable_threads
from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, MissingExtra

__all__ = ["OnnxEmbedding"]

# Measured on x86-64: more in a batch is no faster, and the memory of a batch is this many tokens' worth.
_BATCH_TOKENS = 512


class OnnxEmbedding:
    """Embeds texts with a model file, without any network. Safe to share by threads.

    The model is a BERT as sentence-transformers exports it: the mean of its last hidden states, made unit length, is
    the vector. `tokenizer.json` lies beside it, as `<model>.tokenizer.json` or under its own name. It is loaded at the
    first use and stays.

    Args:
        model: an ONNX file, or a function that finds one.
        threads: of the CPU; None is two, or one on a single core.
        dimensions: d.
        max_tokens: of a text that the model reads; what goes beyond is left out.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Callable[[], Path],
        *,
        threads: int | None = None,
        dimensions: int = 384,
        max_tokens: int = 256,
    ) -> None:
        self.dimensions = dimensions
        self._given = model
        self._threads = threads
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._name: str | None = None
        self._model: Model | None = None

    @property
    def name(self) -> str:
        """Of the file's content and the tokens that are read of a text.

        Raises:
            ConfigurationError: there is no such file.
        """
        if self._name is None:
            path = self._path()
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise ConfigurationError(f"the model {str(path)!r} cannot be read: {error.strerror}") from error
            self._name = f"{path.stem}-{digest[:12]}-{self._max_tokens}"
        return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        try:
            import numpy
        except ModuleNotFoundError as error:
            raise MissingExtra.for_package("numpy", "local") from error
        vectors = numpy.zeros((len(texts), self.dimensions), numpy.float32)
        if not len(texts):
            return vectors
        model = self._loaded()
        ids = model.token_ids(texts)
        for batch in _batches([len(of_text) for of_text in ids]):
            vectors[batch] = model.vectors([ids[index] for index in batch])
        return vectors

    def __repr__(self) -> str:
        return f"OnnxEmbedding({'…' if callable(self._given) else os.fspath(self._given)!r})"

    def _path(self) -> Path:
        return self._given() if callable(self._given) else Path(self._given)

    def _loaded(self) -> Model:
        with self._lock:
            if self._model is None:
                self._model = load_model(
                    self._path(), self._threads or usable_threads(), self.dimensions, self._max_tokens
                )
            return self._model


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indices of texts that are embedded together: of like length, the shortest first."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
