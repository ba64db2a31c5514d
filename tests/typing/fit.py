"""Each adapter fits its port: mypy reads this file, nothing runs it. An adapter is added here in one line."""

from __future__ import annotations

from llamabot.adapters.faiss import FaissIndexes
from llamabot.adapters.fake.shared import InMemoryCache, InMemoryLedger, InMemoryTurns
from llamabot.adapters.litellm import LiteLLMCompletion, LiteLLMEmbedding
from llamabot.adapters.llamacpp import EmbeddedCompletion
from llamabot.adapters.loaders import FileLoader
from llamabot.adapters.local import LocalToolbox
from llamabot.adapters.mcp import McpToolbox
from llamabot.adapters.onnx import OnnxEmbedding
from llamabot.adapters.splitting import SemanticSplitter
from llamabot.adapters.sqlite.memory import SqliteMemory
from llamabot.adapters.sqlite.recorder import SqliteRecorder
from llamabot.adapters.sqlite.shared import SqliteCache, SqliteLedger, SqliteTurns
from llamabot.adapters.system.clock import SystemClock
from llamabot.adapters.system.ids import RandomIds
from llamabot.adapters.wire.completion import WireCompletion
from llamabot.adapters.wire.embedding import WireEmbedding
from llamabot.adapters.wrap.fallback import Fallback
from llamabot.adapters.wrap.retry import Retry
from llamabot.app.decorators import Budget, Cache, RateLimit
from llamabot.app.docstores import FaissDocStore
from llamabot.ports.cache import CachePort
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import AsyncCompletionPort, CompletionPort
from llamabot.ports.docstore import CataloguePort, DocStorePort, SourceSearchPort
from llamabot.ports.embedding import AsyncEmbeddingPort, EmbeddingPort
from llamabot.ports.fusion import FusionRule, KeywordsOnly, VectorsOnly, WeightedScores
from llamabot.ports.ids import IdPort
from llamabot.ports.ledger import LedgerPort
from llamabot.ports.loader import LoaderPort
from llamabot.ports.memory import MemoryPort
from llamabot.ports.recorder import RecorderPort
from llamabot.ports.splitter import SplitterPort
from llamabot.ports.tools import AsyncToolboxPort, ToolboxPort
from llamabot.ports.turns import TurnsPort
from llamabot.ports.vectorindex import VectorIndexPort
from llamabot.testing import (
    ChatMemory,
    CountingIds,
    EchoToolbox,
    FunctionCompletion,
    HashedEmbedding,
    InMemoryDocStore,
    InMemoryRecorder,
    ScriptedCompletion,
    TickingClock,
    VirtualClock,
)

FAKE, FUNCTION, LITELLM = ScriptedCompletion(), FunctionCompletion(lambda request: request.model), LiteLLMCompletion()
EMBEDDED, WIRE = EmbeddedCompletion("model.gguf"), WireCompletion(base_url="http://localhost")
VECTORS = WireEmbedding("x", base_url="http://localhost")

WRAPPED = (Retry(FAKE), Fallback(FAKE, "another"), Cache(FAKE), RateLimit(FAKE, rpm=1), Budget(FAKE, cost_usd=1))

completions: list[CompletionPort] = [FAKE, FUNCTION, LITELLM, EMBEDDED, WIRE, *WRAPPED]
async_completions: list[AsyncCompletionPort] = [FAKE, FUNCTION, LITELLM, EMBEDDED, WIRE, *WRAPPED]
recorders: list[RecorderPort] = [InMemoryRecorder(), SqliteRecorder("runs.db")]
memories: list[MemoryPort] = [ChatMemory(), SqliteMemory("chat.db", conversation="user-7")]
clocks: list[ClockPort] = [SystemClock(), TickingClock(), VirtualClock()]
ids: list[IdPort] = [RandomIds(), CountingIds()]
toolboxes: list[ToolboxPort] = [LocalToolbox([]), McpToolbox.stdio("server"), EchoToolbox()]
async_toolboxes: list[AsyncToolboxPort] = [LocalToolbox([]), McpToolbox.stdio("server"), EchoToolbox()]
embeddings: list[EmbeddingPort] = [
    HashedEmbedding(),
    OnnxEmbedding("minilm.onnx"),
    LiteLLMEmbedding("openai/x"),
    VECTORS,
    Retry(HashedEmbedding()),
    Cache(HashedEmbedding()),
    RateLimit(HashedEmbedding(), rpm=1),
]
async_embeddings: list[AsyncEmbeddingPort] = [HashedEmbedding(), VECTORS, Retry(HashedEmbedding())]
docstores: list[DocStorePort] = [InMemoryDocStore(), FaissDocStore("store")]
catalogues: list[CataloguePort] = [InMemoryDocStore(), FaissDocStore("store")]
in_sources: list[SourceSearchPort] = [FaissDocStore("store")]
indexes: list[VectorIndexPort] = [FaissIndexes()]
fusions: list[FusionRule] = [VectorsOnly(), KeywordsOnly(), WeightedScores()]
loaders: list[LoaderPort] = [FileLoader()]
splitters: list[SplitterPort] = [SemanticSplitter()]
caches: list[CachePort] = [InMemoryCache(), SqliteCache("shared.db")]
ledgers: list[LedgerPort] = [InMemoryLedger(), SqliteLedger("shared.db")]
turns: list[TurnsPort] = [InMemoryTurns(), SqliteTurns("shared.db")]
