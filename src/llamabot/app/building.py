"""Building the default adapters. Each is imported when it is first wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llamabot.app.load import NO_LOAD
from llamabot.app.settings import Settings, current_settings
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import NO_SECRETS

if TYPE_CHECKING:
    from llamabot.ports.clock import ClockPort
    from llamabot.ports.completion import AsyncCompletionPort, CompletionPort
    from llamabot.ports.docstore import DocStorePort
    from llamabot.ports.embedding import EmbeddingPort
    from llamabot.ports.ids import IdPort
    from llamabot.ports.memory import MemoryPort
    from llamabot.ports.recorder import RecorderPort
    from llamabot.ports.splitter import SplitterPort
    from llamabot.ports.tools import ToolboxPort

__all__ = [
    "DEFAULT_EMBEDDING",
    "EMBEDDED_PREFIX",
    "WIRE_PREFIX",
    "Defaults",
    "build_clock",
    "build_completion",
    "build_docstore",
    "build_embedding",
    "build_ids",
    "build_memory",
    "build_recorder",
    "build_splitter",
    "build_toolbox",
]

EMBEDDED_PREFIX = "embedded/"
WIRE_PREFIX = "wire/"
_CONNECTION = ("api_base", "api_key", "base_url")
DEFAULT_EMBEDDING = "embedded/minilm"


def build_completion(model: str | None = None, *, settings: Settings) -> CompletionPort | AsyncCompletionPort:
    """Return the adapter for a model, with the decorators around it that the settings ask for.

    It is the embedded one for `embedded/…`, the direct one for `wire/…`, else LiteLLM.
    """
    model = model or settings.model
    if not model:
        raise ConfigurationError("no model is set; name one, or set LLAMABOT_MODEL")
    adapter = _adapter(model, settings)
    if settings.load == NO_LOAD:
        return adapter
    from llamabot.app.stack import stacked

    port: CompletionPort = stacked(adapter, settings.load, partial(_route, model, settings))
    return port


def _route(model: str, settings: Settings, other: str) -> Any:
    """Return what a `Fallback` takes for another model; one of another provider gets neither keys nor addresses."""
    from llamabot.adapters.wrap.fallback import are_of_one_provider
    from llamabot.ports.completion import CONNECTION_OPTIONS

    if are_of_one_provider(model, other):
        return other
    options = {name: value for name, value in settings.options.items() if name not in CONNECTION_OPTIONS}
    return _adapter(other, msgspec.structs.replace(settings, options=options, secrets=NO_SECRETS)), other


def _adapter(model: str, settings: Settings) -> CompletionPort | AsyncCompletionPort:
    if model.startswith(EMBEDDED_PREFIX):
        from llamabot.adapters.llamacpp import EmbeddedCompletion
        from llamabot.adapters.models import model_path

        return EmbeddedCompletion(model_path)
    if model.startswith(WIRE_PREFIX):
        from llamabot.adapters.wire.completion import WireCompletion

        return WireCompletion(**_wire(settings), **_wire_options(settings))
    from llamabot.adapters.litellm import LiteLLMCompletion

    return LiteLLMCompletion(settings.options, settings.secrets)


def build_embedding(*, settings: Settings) -> EmbeddingPort:
    """Return the embedder that the settings name, the embedded MiniLM if they name none.

    Options of the settings are the chat model's: its key is nobody else's.
    """
    model = settings.embedding or DEFAULT_EMBEDDING
    if model.startswith(EMBEDDED_PREFIX):
        from llamabot.adapters.models import ONNX, model_path
        from llamabot.adapters.onnx import OnnxEmbedding

        return OnnxEmbedding(lambda: model_path(model.removeprefix(EMBEDDED_PREFIX), ending=ONNX))
    remote = _remote_embedding(model, settings)
    if settings.load == NO_LOAD:
        return remote
    from llamabot.app.stack import stacked_embedding

    port: EmbeddingPort = stacked_embedding(remote, settings.load)
    return port


def _remote_embedding(model: str, settings: Settings) -> EmbeddingPort:
    if model.startswith(WIRE_PREFIX):
        from llamabot.adapters.wire.embedding import WireEmbedding

        return WireEmbedding(model, **_wire(settings))
    from llamabot.adapters.litellm import LiteLLMEmbedding

    return LiteLLMEmbedding(model)


def _wire(settings: Settings) -> dict[str, Any]:
    """Return the server of the models `wire/…`: a key goes to the address that it was set with, and to no other."""
    if settings.wire_url:
        return {"base_url": settings.wire_url, "api_key": settings.wire_key}
    options = settings.secrets.merged_into(settings.options)
    address = options.get("api_base") or options.get("base_url")
    if not address:
        raise ConfigurationError(
            "models 'wire/…' have no server: set LLAMABOT_WIRE_URL (and LLAMABOT_WIRE_KEY), or api_base in the "
            "options, or pass completion=lmb.WireCompletion(base_url=…)"
        )
    return {"base_url": address, "api_key": options.get("api_key")}


def _wire_options(settings: Settings) -> dict[str, Any]:
    """Return the options without the connection; with a server of their own, also without what is secret of them."""
    visible = {name: value for name, value in settings.options.items() if name not in _CONNECTION}
    secrets = NO_SECRETS if settings.wire_url else settings.secrets.without(_CONNECTION)
    return {"options": visible, "secrets": secrets}


def build_splitter() -> SplitterPort:
    """Return the splitter that cuts between sections, paragraphs, sentences and words."""
    from llamabot.adapters.splitting import SemanticSplitter

    return SemanticSplitter()


def build_docstore(
    path: str | PathLike[str] | None = None, *, embedding: EmbeddingPort, splitter: SplitterPort
) -> DocStorePort:
    """Return the store in a folder, one in memory if none is named."""
    from llamabot.app.docstores import FaissDocStore

    return FaissDocStore(path, embedding=embedding, splitter=splitter)


def build_recorder(*, settings: Settings, place: Path | None = None, durable: bool = False) -> RecorderPort | None:
    """Return the recorder that `record` asks for: `off`, `metadata`, or a path.

    Args:
        settings: say what is kept, and where if they name a path.
        place: the file, if the settings name none; None is memory.
        durable: a log in a file waits for each commit.
    """
    match settings.record:
        case None:
            return _log_in(place, durable=durable)
        case "off":
            return None
        case "metadata":
            from llamabot.adapters.wrap.metadata import MetadataRecorder

            return MetadataRecorder(_log_in(place, durable=durable))
        case path:
            return _log_in(Path(path), durable=durable)


def build_memory() -> MemoryPort:
    """Return a new conversation in memory."""
    from llamabot.adapters.fake.memory import ChatMemory

    return ChatMemory()


def build_clock() -> ClockPort:
    """Return the machine's clock."""
    from llamabot.adapters.system.clock import SystemClock

    return SystemClock()


def build_ids() -> IdPort:
    """Return ids that sort by time."""
    from llamabot.adapters.system.ids import RandomIds

    return RandomIds()


def build_toolbox(functions: Sequence[Callable[..., Any]]) -> ToolboxPort:
    """Return a toolbox of plain functions."""
    from llamabot.adapters.local import LocalToolbox

    return LocalToolbox(functions)


class Defaults:
    """Makes what the default container does, under the same names.

    The container itself is left to those who configure one: dependency_injector imports FastAPI wherever that is
    installed, which takes half a second, and a bot wants its ports on the event loop.
    """

    completion = staticmethod(build_completion)
    embedding = staticmethod(build_embedding)
    splitter = staticmethod(build_splitter)
    toolbox = staticmethod(build_toolbox)
    clock = staticmethod(build_clock)
    ids = staticmethod(build_ids)

    def recorder(self) -> RecorderPort | None:
        """Return the recorder that the settings ask for."""
        return build_recorder(settings=current_settings())


def _log_in(place: Path | None, *, durable: bool) -> RecorderPort:
    if place is None:
        from llamabot.adapters.fake.recorder import InMemoryRecorder

        return InMemoryRecorder()
    from llamabot.adapters.sqlite.recorder import SqliteRecorder

    return SqliteRecorder(place, durable=durable)
