"""The embedding ports on LiteLLM: texts go out in batches, one request each, in both colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llamabot.adapters.litellm.callbacks import untold
from llamabot.adapters.litellm.errors import ANY_ERROR
from llamabot.adapters.litellm.leaving import settled
from llamabot.adapters.litellm.loading import aload, load
from llamabot.adapters.litellm.loops import close_clients_with_loop
from llamabot.adapters.litellm.vectors import VectorRequest, vendor
from llamabot.adapters.litellm.wire import refuse_wrong_options
from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, EmbeddingError
from llamabot.ports.secrets import NO_SECRETS, Secrets, split_secrets

__all__ = ["LiteLLMEmbedding"]

_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
# What says where and how the provider is reached, and changes no vector.
_CONNECTION = frozenset(
    {"api_base", "api_type", "api_version", "base_url", "encoding_format", "organization", "timeout", "user"}
)
# Some providers limit the tokens of a request too.
_BATCH_CHARACTERS = 200_000


class LiteLLMEmbedding:
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
        options: Mapping[str, Any] = _NO_OPTIONS,
        *,
        dimensions: int | None = None,
        batch_size: int = 64,
        max_bytes: int = 8000,
        timeout_s: float = 60.0,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        for name, least in (("dimensions", dimensions), ("batch_size", batch_size), ("max_bytes", max_bytes)):
            if least is not None and least < 1:
                raise ConfigurationError(f"{name}={least}: it is 1 or more")
        if not model.strip():
            raise ConfigurationError("embedding: no model is named; 'openai/text-embedding-3-small' is one")
        visible, hidden = split_secrets(options)
        self.options: Mapping[str, Any] = MappingProxyType(visible)
        self._secrets = hidden | secrets
        self._model = model
        self._wanted = dimensions
        self._learnt = dimensions
        self._batch_size = batch_size
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        """Of the model, with what was asked of it."""
        asked = {name: value for name, value in self.options.items() if name not in _CONNECTION}
        if self._wanted is not None:
            asked["dimensions"] = self._wanted
        return " ".join([self._model, *(f"{name}={value}" for name, value in sorted(asked.items()))])

    @property
    def dimensions(self) -> int:
        """Of the vectors; a model that has not answered yet is asked for one.

        Raises:
            EmbeddingError: it gives none.
        """
        return self.embed(["dimensions"]).shape[1] if self._learnt is None else self._learnt

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        return self._joined([self._ask(request) for request in self._requests(texts)], len(texts))

    async def aembed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        return self._joined([await self._aask(request) for request in self._requests(texts)], len(texts))

    def __repr__(self) -> str:
        return f"LiteLLMEmbedding({self.name!r}, {dict(self.options)!r}, {self._secrets!r})"

    def _ask(self, request: VectorRequest) -> Vectors:
        litellm = load()
        try:
            with untold(litellm, request.arguments):
                response = litellm.embedding(**request.arguments)
            return request.vectors(response)
        except ANY_ERROR as error:
            failure = request.failure(error)
        raise failure.error from failure.cause

    async def _aask(self, request: VectorRequest) -> Vectors:
        litellm = await aload()
        await close_clients_with_loop(litellm)
        try:
            with untold(litellm, request.arguments):
                response = await settled(litellm.aembedding(**request.arguments), forbid=_as_it_is)
            return request.vectors(response)
        except ANY_ERROR as error:
            failure = request.failure(error)
        raise failure.error from failure.cause

    def _requests(self, texts: Sequence[str]) -> Iterator[VectorRequest]:
        """Yield what must be asked; where there are no texts and nothing is known of the vectors, for one of them."""
        vendor()  # before anything is asked and paid for
        refuse_wrong_options(self.options, self._secrets)
        asked = texts if len(texts) or self._learnt else ["dimensions"]
        wanted = {} if self._wanted is None else {"dimensions": self._wanted}
        arguments = self._secrets.merged_into({"timeout": self._timeout_s, **wanted, **self.options})
        for batch in _batches(asked, self._batch_size, self._max_bytes):
            yield VectorRequest(self._model, batch, arguments, self._secrets)

    def _joined(self, found: Sequence[Vectors], count: int) -> Vectors:
        """Return the vectors of all requests, after a look at their dimensions."""
        numpy = vendor()
        for vectors in found:
            size = vectors.shape[1]
            if self._learnt is None:
                self._learnt = size
            if size != self._learnt:
                raise EmbeddingError(
                    f"{self._model}: vectors have {size} dimensions where {self._learnt} were expected"
                )
        joined: Vectors = numpy.concatenate([numpy.empty((0, self._learnt), numpy.float32), *found])[:count]
        return joined


def _as_it_is() -> None:
    """Forbid nothing: LiteLLM makes one request for vectors, and has no place to be told not to."""


def _batches(texts: Iterable[str], most: int, most_bytes: int) -> Iterator[list[str]]:
    """Yield the texts as they are sent, in as few batches as the limits allow."""
    batch: list[str] = []
    size = 0
    for text in texts:
        sent = text.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")
        size += len(sent)
        if batch and (len(batch) == most or size > _BATCH_CHARACTERS):
            yield batch
            batch, size = [], len(sent)
        batch.append(sent if sent.strip() else ".")
    if batch:
        yield batch
