"""The vendors: onnxruntime and tokenizers, imported at the first use."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, EmbeddingError, MissingExtra

__all__ = ["Model", "load_model", "usable_threads"]

_ERRORS_ONLY = 3


class Model:
    """A loaded model with its tokenizer. Safe to share by threads."""

    def __init__(self, session: Any, tokenizer: Any) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._inputs = {given.name for given in session.get_inputs()}

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what the model reads of each text; lone surrogates, which no model knows, become question marks."""
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(clean)]

    def vectors(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """Return the vectors of a batch.

        Raises:
            EmbeddingError: the runtime failed.
        """
        import numpy

        tokens = numpy.zeros((len(ids), max(map(len, ids))), numpy.int64)
        mask = numpy.zeros_like(tokens)
        for row, of_text in enumerate(ids):
            tokens[row, : len(of_text)] = of_text
            mask[row, : len(of_text)] = 1
        given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": numpy.zeros_like(tokens)}
        try:
            states = self._session.run(None, {name: given[name] for name in self._inputs})[0]
        except Exception as error:
            raise EmbeddingError(f"the embedding model failed: {error}") from error
        means = (states * mask[..., None].astype(numpy.float32)).sum(axis=1)
        vectors: Vectors = means / numpy.linalg.norm(means, axis=1, keepdims=True)
        return vectors


def load_model(path: Path, threads: int, dimensions: int, max_tokens: int) -> Model:
    """Return a loaded model.

    Raises:
        ConfigurationError: the file or its tokenizer is not there or damaged, or gives vectors of another size.
        MissingExtra: a package is not installed.
    """
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package(error.name or "onnxruntime", "local") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(_tokenizer_of(path)))
    except Exception as error:
        raise ConfigurationError(f"the embedding model {str(path)!r} cannot be loaded: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    size = session.get_outputs()[0].shape[-1]
    if size != dimensions:
        raise ConfigurationError(f"the embedding model {str(path)!r} gives {size} dimensions, not {dimensions}")
    return Model(session, tokenizer)


def usable_threads() -> int:
    """Return two, or one where this process has a single core."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(2, len(affinity(0)) if affinity else os.cpu_count() or 1)


def _tokenizer_of(path: Path) -> Path:
    named = path.with_suffix(".tokenizer.json")
    return named if named.is_file() else path.with_name("tokenizer.json")
