"""The embedding ports on LiteLLM: texts go out in batches, one request each, in both colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llamabot.adapters.litellm.colours import AWAITED, BLOCKING, now
from llamabot.adapters.litellm.exchange import answered
from llamabot.adapters.litellm.vectors import VectorRequest
from llamabot.ports.embedding import Vectors
from llamabot.ports.secrets import NO_SECRETS, Secrets
from llamabot.protocols.chat_completions import refuse_wrong_options
from llamabot.protocols.embeddings import Plan, PlannedEmbedding, vendor
from llamabot.protocols.options import NO_OPTIONS, WithOptions

__all__ = ["LiteLLMEmbedding"]


class LiteLLMEmbedding(PlannedEmbedding, WithOptions):
    """Embeds with any model that LiteLLM knows. Safe to share by threads; serves both colours.

    Texts go out in order, in as many requests as they need, each made once and never retried. A text of white space
    alone goes out as a full stop, for many providers refuse it.

    Args:
        model: LiteLLM's name for it, `openai/text-embedding-3-small` for example.
        options: for every request; keys are held as secrets, and the other arguments of the provider's are told in
            `name`, for they may change the vectors.
        dimensions: to ask the provider for, where it offers several; None is the model's own, learnt from its answers.
        batch_size: most texts in a request; some providers take fewer than this.
        max_bytes: of a text that are sent, in UTF-8; no tokenizer that works on bytes makes more tokens of them.
        timeout_s: longest wait for one answer.
        secrets: more of them.

    Attributes:
        options: what may be seen of them.
    """

    def __init__(
        self,
        model: str,
        options: Mapping[str, Any] = NO_OPTIONS,
        *,
        dimensions: int | None = None,
        batch_size: int = 64,
        max_bytes: int = 8000,
        timeout_s: float = 60.0,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        super().__init__(options, secrets)
        self._plan = Plan(model, dimensions, batch_size, max_bytes)
        self._timeout_s = timeout_s

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        parts = [now(answered(request, BLOCKING, request.vectors)) for request in self._requests(texts)]
        return self._plan.joined(parts, len(texts))

    async def aembed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        parts = [await answered(request, AWAITED, request.vectors) for request in self._requests(texts)]
        return self._plan.joined(parts, len(texts))

    def __repr__(self) -> str:
        return f"LiteLLMEmbedding({self.name!r}, {dict(self.options)!r}, {self._secrets!r})"

    def _requests(self, texts: Sequence[str]) -> Iterator[VectorRequest]:
        """Yield what must be asked; where there are no texts and nothing is known of the vectors, for one of them."""
        vendor()  # before anything is asked and paid for
        refuse_wrong_options(self.options, self._secrets)
        arguments = self._secrets.merged_into({"timeout": self._timeout_s, **self._plan.fields, **self.options})
        for batch in self._plan.batches(texts):
            yield VectorRequest(self._plan, batch, arguments, self._secrets)
