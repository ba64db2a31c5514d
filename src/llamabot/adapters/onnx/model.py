"""The vendors: onnxruntime and tokenizers, imported at the first use, and the models that are loaded in this process.

Sessions have one thread, the caller's: onnxruntime's own pools wait busily for each other (a tenth of the CPU's time
and more), and a process that has none can fork. The tokenizer's batches start such a pool too, so texts are cut one by
one. A forked child loads its models anew, for a lock of the old ones may have been held by a thread that it lacks.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, EmbeddingError, MissingExtra

__all__ = ["Model", "shared_model", "usable_threads"]

_FATAL_ONLY = 4
_CHARACTERS_PER_TOKEN = 16  # more than most words have
# Without it onnxruntime, when it is imported, opens a database in the user's cache and reports to its maker over the
# network, on threads that no forked child survives.
_SILENCE = ("ORT_DISABLE_TELEMETRY", "1")


class Model:
    """A loaded model with its tokenizer. Safe to share by threads.

    Attributes:
        inherited: this process is a fork of the one that loaded it, and leaves it alone.
    """

    inherited = False

    def __init__(self, session: Any, tokenizer: Any, max_tokens: int) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._inputs = [given.name for given in session.get_inputs()]
        self.dimensions = session.get_outputs()[0].shape[-1]

    def token_ids(self, text: str) -> list[int]:
        """Return what the model reads of a text; half a character (a lone surrogate) is a question mark to it."""
        # The tokenizer reads all that it is given, and takes a hundred times the text's size in memory.
        length = self._max_tokens * _CHARACTERS_PER_TOKEN
        while length < len(text):
            end = max(text.rfind(" ", 0, length), text.rfind("\n", 0, length))  # no token goes on behind a space
            if end > 0 and len(ids := self._ids(text[:end])) == self._max_tokens:
                return ids
            length *= 4
        return self._ids(text)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
        return ids

    def vectors(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """Return the vectors of a batch.

        Raises:
            EmbeddingError: the runtime failed, or gave what is no vector.
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
        sums: Vectors = (states * mask[..., None].astype(numpy.float32)).sum(axis=1)
        lengths = numpy.linalg.norm(sums, axis=1, keepdims=True)
        if not (numpy.isfinite(lengths).all() and lengths.all()):
            raise EmbeddingError("the embedding model gave what is no vector; its file may be damaged")
        vectors: Vectors = sums / lengths
        return vectors


_lock = threading.Lock()
_models: WeakValueDictionary[tuple[Path, int], Model] = WeakValueDictionary()
_inherited: list[Model] = []
_hooked = False


def shared_model(path: Path, max_tokens: int) -> Model:
    """Return the process's model of a file, which lives as long as somebody holds it.

    Raises:
        ConfigurationError: the file or its tokenizer is not there or damaged.
        MissingExtra: a package is not installed.
    """
    with _lock:
        _hook()
        model = _models.get((path, max_tokens))
        if model is None:
            model = _models[path, max_tokens] = _load(path, max_tokens)
        return model


def usable_threads() -> int:
    """Return two, or one where this process has a single core."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(2, len(affinity(0)) if affinity else os.cpu_count() or 1)


def _load(path: Path, max_tokens: int) -> Model:
    os.environ.setdefault(*_SILENCE)
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        tokenizers: Any = importlib.import_module("tokenizers")
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package(error.name or "onnxruntime", "local") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY  # it would write to stderr what it raises
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        tokenizer = tokenizers.Tokenizer.from_file(str(_tokenizer_of(path)))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        return Model(session, tokenizer, max_tokens)
    except Exception as error:
        raise ConfigurationError(f"the embedding model {str(path)!r} cannot be loaded: {error}") from error


def _tokenizer_of(path: Path) -> Path:
    named = path.with_suffix(".tokenizer.json")
    return named if named.is_file() else path.with_name("tokenizer.json")


def _hook() -> None:
    global _hooked
    if not _hooked and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_as_a_child)
    _hooked = True


def _begin_as_a_child() -> None:
    global _lock
    _lock = threading.Lock()
    for model in list(_models.values()):
        model.inherited = True
        _inherited.append(model)  # its destructor might wait for a lock that nobody holds any more
    _models.clear()
