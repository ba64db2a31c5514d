"""The vendor: xllamacpp, imported at the first use, quiet, and out of reach.

llama.cpp comes as a server. Ours answers function calls only: the address it insists on listening at is gone before
the first request, or, where there are no Unix sockets, wants a key that nobody has.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import msgspec

from llamabot.ports.errors import ConfigurationError, MissingExtra

__all__ = ["Server", "Settings", "require_vendor", "start_server", "usable_threads"]

_VENDOR = "xllamacpp"
_MAGIC = b"GGUF"
# Up to this size of a batch the kernels give every token the same numbers whatever it is computed with, so that a
# prompt's answer does not depend on what the cache still holds; measured on x86-64, where it is as fast as larger ones.
_BATCH_TOKENS = 32
_SILENT = -1
_LONGEST_SOCKET_PATH = 100


class Settings(msgspec.Struct, frozen=True):
    """What a loaded model is known by.

    Attributes:
        path: absolute.
    """

    path: str
    threads: int
    context_tokens: int


class Server(Protocol):
    """The part of `xllamacpp.Server` that we use. A callback that returns True stops what it is told about."""

    def handle_chat_completions(self, prompt: bytes, callback: Callable[[bytes], bool]) -> None:
        """Answer a conversation; return when the answer has ended or is stopped."""

    def handle_completions(self, prompt: bytes, callback: Callable[[bytes], bool]) -> None:
        """Go on with a bare prompt."""


def usable_threads() -> int:
    """Return two, or one where this process has a single core: more do not pay for a small model."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(2, len(affinity(0)) if affinity else os.cpu_count() or 1)


def start_server(settings: Settings) -> Server:
    """Load a model.

    Raises:
        MissingExtra: xllamacpp is not installed.
        ConfigurationError: there is no file, or none that llama.cpp can load.
    """
    _check(Path(settings.path))
    vendor = _vendor()
    with _listening_place() as place:
        try:
            server: Server = vendor.Server(_parameters(vendor, settings, place))
        except RuntimeError as error:
            raise ConfigurationError(
                f"llama.cpp cannot load {settings.path!r}: the file is damaged or of a kind it does not know, "
                f"or there is no memory for {settings.context_tokens:,} tokens of context"
            ) from error
    return server


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigurationError(
            f"there is no model at {str(path)!r} ({error.strerror}); install one with: llamabot local install"
        ) from error
    if magic != _MAGIC:
        raise ConfigurationError(f"{str(path)!r} is not a model: a GGUF file begins with the letters GGUF")


def require_vendor() -> None:
    """See that xllamacpp is installed, without loading it.

    Raises:
        MissingExtra: it is not.
    """
    if _VENDOR not in sys.modules and find_spec(_VENDOR) is None:
        raise MissingExtra.for_package(_VENDOR, "local")


def _vendor() -> Any:
    with _patient_threads():
        try:
            import xllamacpp  # type: ignore[import-untyped]  # the wheel has no types
        except ImportError as error:
            raise MissingExtra.for_package(_VENDOR, "local") from error
    return xllamacpp


@contextmanager
def _patient_threads() -> Iterator[None]:
    """Let OpenMP, which reads the environment once, when it is loaded, wait briefly and then sleep.

    Threads that spin make a busy machine ten times slower, threads that sleep at once cost half of the speed.
    """
    wanted = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
    ours = {} if wanted.keys() & os.environ.keys() else wanted
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def _listening_place() -> Iterator[str]:
    """Yield a place to listen at which is gone when the block is left."""
    folder = tempfile.mkdtemp(prefix="llamabot-")
    try:
        place = f"{folder}/none.sock"
        yield place if os.name == "posix" and len(place) < _LONGEST_SOCKET_PATH else "127.0.0.1"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parameters(vendor: Any, settings: Settings, place: str) -> Any:
    parameters = vendor.CommonParams()
    parameters.model.path = settings.path
    parameters.n_ctx = settings.context_tokens
    parameters.n_parallel = 1
    parameters.n_batch = parameters.n_ubatch = _BATCH_TOKENS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings.threads
    parameters.n_gpu_layers = 0
    parameters.verbosity = _SILENT
    _leave_out(parameters)
    parameters.hostnames = [place]
    parameters.api_keys = [secrets.token_urlsafe(32)]
    return parameters


def _leave_out(parameters: Any) -> None:
    """Switch off what costs time or memory and serves a server with many clients."""
    parameters.warmup = False
    parameters.fit_params = False
    parameters.cache_ram_mib = 0
    parameters.n_ctx_checkpoints = 0
    parameters.n_threads_http = 1
    parameters.ui = False
    parameters.endpoint_slots = False
