"""What one request costs: an estimate before it is made, what is heard meanwhile, and the bill."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from llamabot.adapters.wrap.estimating import answer_tokens, chunk_tokens, prompt_tokens
from llamabot.adapters.wrap.steps import Hearing
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, Usage
from llamabot.ports.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    SharedStateError,
    UsageError,
)

__all__ = ["Bill", "Price"]

# Errors of requests for which nobody generates anything.
FREE_OF_CHARGE = (
    AuthenticationFailed,
    BudgetExceeded,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    SharedStateError,
    UsageError,
)


class Price(NamedTuple):
    """US dollars a token."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what so many tokens cost."""
        return prompt_tokens * self.prompt + completion_tokens * self.completion


class Bill(Hearing):
    """What one request costs: before, as it runs, and in the end."""

    def __init__(self, request: CompletionRequest, price: Price | None, guess_usd: float) -> None:
        self._price, self._guess_usd = price, guess_usd
        self._prompt_tokens, self._answer_tokens = prompt_tokens(request), answer_tokens(request)
        self._heard_tokens = 0
        self._usage: Usage | None = None
        self._cost_usd: float | None = None

    @property
    def estimate_usd(self) -> float:
        """What the request may cost."""
        return self._guess_usd if self._price is None else self._price.of(self._prompt_tokens, self._answer_tokens)

    def paid_usd(self) -> float:
        """Return what an answer has cost that came to its end."""
        if self._cost_usd is not None:
            return self._cost_usd
        return self.estimate_usd if self._usage is None or self._price is None else self._counted_usd(self._usage)

    def broken_off_usd(self, error: BaseException) -> float:
        """Return what a request has probably cost that failed or was left."""
        if self._cost_usd is not None or self._usage is not None:
            return self.paid_usd()
        if self._heard_tokens and self._price is not None:
            return self._price.of(self._prompt_tokens, self._heard_tokens)
        return 0.0 if isinstance(error, FREE_OF_CHARGE) and not self._heard_tokens else self.estimate_usd

    def whole(self, answer: Completion) -> Completion:
        """Take note of an answer; where its price was given it has a cost."""
        self._usage, self._cost_usd = answer.usage, answer.cost_usd
        if answer.cost_usd is not None or answer.usage is None or self._price is None:
            return answer
        self._cost_usd = self._counted_usd(answer.usage)
        return msgspec.structs.replace(answer, cost_usd=self._cost_usd)

    def fragment(self, chunk: CompletionChunk) -> CompletionChunk:
        """As `whole`, of a fragment."""
        self._heard_tokens += chunk_tokens(chunk)
        if chunk.cost_usd is not None:
            self._cost_usd = chunk.cost_usd
        if chunk.usage is None:
            return chunk
        self._usage = chunk.usage
        if chunk.cost_usd is not None or self._price is None:
            return chunk
        self._cost_usd = self._counted_usd(chunk.usage)
        return msgspec.structs.replace(chunk, cost_usd=self._cost_usd)

    def _counted_usd(self, usage: Usage) -> float:
        assert self._price is not None, "asked for where there is a price"  # noqa: S101 - told to the type checker
        return self._price.of(usage.prompt_tokens, usage.completion_tokens)
