"""The embedding ports on a server that speaks OpenAI's embeddings wire: texts go out in batches, in both colours."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.client import WireClient
from llamabot.adapters.wire.exchange import whole
from llamabot.ports.embedding import Vectors
from llamabot.ports.secrets import NO_SECRETS, Secret, Secrets
from llamabot.protocols.chat_completions import encoded
from llamabot.protocols.embeddings import Plan, PlannedEmbedding, items_in, vendor
from llamabot.protocols.failures import embedding_failure, refuse_offline
from llamabot.protocols.options import NO_OPTIONS

__all__ = ["WireEmbedding"]

_ENDPOINT = "embeddings"


class WireEmbedding(PlannedEmbedding, WireClient):
    """Embeds with a model of a server that speaks OpenAI's embeddings wire. Serves both colours.

    Texts go out in order, in as many requests as they need, each made once and never retried. A text of white space
    alone goes out as a full stop, for many providers refuse it. Connections are as those of `WireCompletion`.

    Args:
        model: the server's name for it.
        base_url: what comes before `/embeddings`.
        api_key: sent as a bearer token, to this address and nowhere else.
        options: for every request, as those of `WireCompletion`; what may change the vectors is told in `name`.
        dimensions: to ask the server for, where it offers several; None is the model's own, learnt from its answers.
        batch_size: most texts in a request; some servers take fewer than this.
        max_bytes: of a text that are sent, in UTF-8; no tokenizer that works on bytes makes more tokens of them.
        timeout_s: longest wait for one answer.
        tls: settings of encrypted connections, in place of the system's.
        secrets: more of the options.

    Attributes:
        options: what may be seen of them.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str | Secret | None = None,
        options: Mapping[str, Any] = NO_OPTIONS,
        dimensions: int | None = None,
        batch_size: int = 64,
        max_bytes: int = 8000,
        timeout_s: float = 60.0,
        tls: ssl.SSLContext | None = None,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        super().__init__(base_url, api_key, options, secrets, tls)
        self._plan = Plan(model, dimensions, batch_size, max_bytes)
        self._timeout_s = timeout_s

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        parts = [self._blocking.answered(call, exchange) for call, exchange in self._exchanges(texts)]
        return self._plan.joined(parts, len(texts))

    async def aembed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        parts = [await self._awaited.answered(call, exchange) for call, exchange in self._exchanges(texts)]
        return self._plan.joined(parts, len(texts))

    def _exchanges(self, texts: Sequence[str]) -> Iterator[tuple[Call, Generator[None, None, Vectors]]]:
        """Yield what must be asked; where there are no texts and nothing is known of the vectors, for one of them."""
        vendor()  # before anything is asked and paid for
        refuse_offline("the embedder of this machine: embedding='embedded/minilm'")
        setup = self._setup_for({})
        model = self._plan.model.removeprefix("wire/")
        for batch in self._plan.batches(texts):
            body = encoded({"model": model, "input": batch, **self._plan.fields, **setup.fields})
            call = Call(setup, _ENDPOINT, body, model=model, timeout_s=self._timeout_s, streamed=False)
            yield call, whole(call, partial(self._vectors, call, len(batch)), embedding_failure)

    def _vectors(self, call: Call, count: int) -> Vectors:
        return self._plan.vectors(items_in(call.body_of_answer()), count)
