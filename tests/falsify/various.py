"""What busy people get wrong in clocks, stores, memories, embedders and toolboxes, one bug each."""

from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.falsify import clocks, embeddings, memories, plain_docstore, plain_toolbox

from llamabot.adapters.system.clock import SystemClock
from llamabot.ports.documents import Metadata
from llamabot.ports.messages import Message
from llamabot.ports.tools import RunContext, ToolCall, ToolResult
from llamabot.testing import HashedEmbedding


@clocks.real
class LocalTime(SystemClock):
    """Takes the time on the wall for that of UTC."""

    def now_ns(self) -> int:
        return calendar.timegm(time.localtime()) * 10**9 + time.time_ns() % 10**9


@plain_docstore.sync
class TenAtMost(plain_docstore.PlainDocStore):
    """Asks its engine for ten matches at most, however many are wanted."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> plain_docstore.Found:
        return super().search(query, k=min(k, 10), where=where)


@plain_docstore.sync
class AnyOfTheFilter(plain_docstore.PlainDocStore):
    """Finds what fits one of the names of a filter, not all."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> plain_docstore.Found:
        super().search(query, k=k, where=where)
        fitting = {
            name: super(AnyOfTheFilter, self).search(query, k=10**6, where={name: where[name]}) for name in where or {}
        }
        found = super().search(query, k=10**6)
        return tuple(one for one in found if not where or any(one in some for some in fitting.values()))[: max(k, 0)]


@plain_docstore.sync
class FirstPageTwice(plain_docstore.PlainDocStore):
    """Gathers more than eight matches page by page, and counts the pages from one: the last of a page comes twice."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> plain_docstore.Found:
        found = super().search(query, k=k, where=where)
        return found if len(found) <= 8 else (*found[:8], *found[7:-1])


@memories.sync
class LatestHundred(memories.PlainMemory):
    """Keeps the latest hundred turns of a conversation that has no window."""

    def remember(self, turn: Sequence[Message]) -> None:
        super().remember(turn)
        with self.lock:
            del self.turns[:-100]


@memories.sync
class RecallKept(memories.PlainMemory):
    """Keeps what it recalled, and looks again once the number of turns is another: with a window it stays the same."""

    kept: Any = ()
    size = 0

    def recall(self) -> Any:
        size = min(len(self.turns), self.window or len(self.turns))
        if size != self.size:
            self.kept, self.size = super().recall(), size
        return self.kept


@embeddings.sync
class PadsTheList(HashedEmbedding):
    """Fills the caller's list up to a whole batch."""

    def embed(self, texts: Sequence[str]) -> Any:
        size = len(texts)
        if isinstance(texts, list):
            texts += [""] * (-size % 8)
        return super().embed(texts)[:size]


@embeddings.sync
class HalfPrecision(HashedEmbedding):
    """Computes in half precision, and hands out what that came to."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts).astype(np.float16).astype(np.float32)


@plain_toolbox.sync
class NothingIsAnError(plain_toolbox.PlainToolbox):
    """Takes what is false, 0 or an empty text, for a tool that has failed."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        if result.text in ("", "0"):
            return ToolResult(call.id, "the tool returned nothing", is_error=True)
        return result


@plain_toolbox.sync
class AnswersKept(plain_toolbox.PlainToolbox):
    """Keeps answers under the arguments of their calls, errors and ids among them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, ToolResult] = {}

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        return self.kept.setdefault(call.arguments, super().call(call, context))
