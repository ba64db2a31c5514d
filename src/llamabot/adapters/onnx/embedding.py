"""An embedding model in this process: the embedding port on onnxruntime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from llamabot.adapters.onnx.model import Model, shared_model, usable_threads
from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, MissingExtra

__all__ = ["OnnxEmbedding"]

# More is no faster and takes more memory: 15 MiB at its peak with 256 tokens, 110 with 1,024, 290 with 2,048.
_BATCH_TOKENS = 256
# So many texts are cut into tokens before they are embedded, which bounds the memory for any number of them.
_WINDOW = 512


class OnnxEmbedding:
    """Embeds texts with a model file, without any network. Safe to share by threads.

    The model is a BERT as sentence-transformers exports it: the mean of its last hidden states, made unit length, is
    the vector. Its tokenizer lies beside it, as `<model>.tokenizer.json` or `tokenizer.json`. It is loaded at the first
    use, once for each file in the process, and freed with the last embedder that used it.

    A text's vector does not depend on what it is embedded with.

    Args:
        model: an ONNX file, or a function that finds one.
        threads: of the CPU, for batches; a single text takes one. None is two, or one on a single core.
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
        self._threads = threads or usable_threads()
        self._max_tokens = max_tokens
        self._name: str | None = None
        self._model: Model | None = None

    @property
    def name(self) -> str:
        """Of the file, its content, and the tokens that are read of a text.

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
        vectors = numpy.empty((len(texts), self.dimensions), numpy.float32)
        if not len(texts):
            return vectors
        model = self._loaded()
        alone = self._threads == 1 or len(texts) == 1
        with nullcontext() if alone else ThreadPoolExecutor(self._threads, "llamabot-embedding") as pool:
            each = pool.map if pool else map
            for start in range(0, len(texts), _WINDOW):
                ids = [model.token_ids(text) for text in texts[start : start + _WINDOW]]
                batches = list(_batches([len(of_text) for of_text in ids]))
                found = each(model.vectors, [[ids[index] for index in batch] for batch in batches])
                for batch, vectors_of_batch in zip(batches, found, strict=True):
                    vectors[[start + index for index in batch]] = vectors_of_batch
        return vectors

    def __repr__(self) -> str:
        return f"OnnxEmbedding({'…' if callable(self._given) else os.fspath(self._given)!r})"

    def _path(self) -> Path:
        return (self._given() if callable(self._given) else Path(self._given)).absolute()

    def _loaded(self) -> Model:
        model = self._model
        if model is None or model.inherited:
            model = self._model = shared_model(self._path(), self._max_tokens)
        if model.dimensions != self.dimensions:
            raise ConfigurationError(
                f"the model {str(self._path())!r} gives {model.dimensions} dimensions, not dimensions={self.dimensions}"
            )
        return model


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indices of texts that are embedded together: of like length, so that little of a batch is filling."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
