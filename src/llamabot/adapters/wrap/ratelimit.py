"""Starting requests no faster than a provider allows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from llamabot.adapters.wrap.estimating import answer_tokens, prompt_tokens, text_tokens
from llamabot.adapters.wrap.steps import Ask, Do, Hearing, Steps, acquired, calling, noting, sleeping
from llamabot.adapters.wrap.wrapped import Wrapped
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, Usage
from llamabot.ports.effect_context import current_effect, tell_tried
from llamabot.ports.errors import RateLimited
from llamabot.ports.turns import Rate, Turn, TurnsPort

__all__ = ["RateLimit"]

_NS_PER_S = 1_000_000_000
_LONGEST_WAIT_S = 600.0


class RateLimit(Wrapped):
    """As `lmb.RateLimit`, around a port, with what deals the turns out.

    Args:
        port: the port.
        turns: deals them out to all who share it.
        rpm: requests that start in any 60 seconds.
        tpm: tokens of these.
        name: of the queue.
        clock: to wait on; by default that of the run.
    """

    def __init__(
        self,
        port: Any,
        turns: TurnsPort,
        *,
        rpm: int | None = None,
        tpm: int | None = None,
        name: str = "",
        clock: ClockPort | None = None,
    ) -> None:
        super().__init__(port, clock)
        self._turns, self._rate, self._queue = turns, Rate(rpm, tpm), name

    def _steps(self, given: Any) -> Steps:
        context = current_effect.get()
        clock = self._clock_for(context)
        tokens = 0 if self._rate.tokens is None else _estimated(given)
        patience_s = getattr(given, "timeout_s", _LONGEST_WAIT_S)
        if context is not None:
            patience_s = min(patience_s, context.left_s())
        now_ns = clock.now_ns()
        latest_ns = now_ns + round(patience_s * _NS_PER_S)
        take = partial(self._turns.take, self._queue, self._rate, tokens, now_ns=now_ns, latest_ns=latest_ns)
        turn = yield from acquired(calling(self._turns, take), self._given_back)
        wait_s = (turn.start_ns - now_ns) / _NS_PER_S
        if turn.number is None:
            raise self._refused(wait_s, patience_s)
        if wait_s > 0:
            try:
                yield sleeping(clock, wait_s)
            except BaseException:
                yield noting(self._turns, partial(self._turns.give_back, self._queue, turn.number))
                raise
            tell_tried(context, "rate_limit", waited_s=wait_s)
        counting = _Counting()
        answer = yield Ask(self._port, _later(given, wait_s), counting)
        if self._rate.tokens is not None and counting.usage is not None:
            used = counting.usage.total_tokens
            yield noting(self._turns, partial(self._turns.correct, self._queue, turn.number, used))
        return answer

    def _given_back(self, turn: Turn) -> Do | None:
        if turn.number is None:
            return None
        return noting(self._turns, partial(self._turns.give_back, self._queue, turn.number))

    def _refused(self, wait_s: float, patience_s: float) -> RateLimited:
        most = {"rpm": self._rate.requests, "tpm": self._rate.tokens}
        said = ", ".join(f"{name}={value}" for name, value in most.items() if value is not None)
        return RateLimited(
            f"under the limit of {said} its turn comes in {wait_s:.3g} s, and nobody waits longer than "
            f"{patience_s:.3g} s; raise the limit, or timeout_s and deadline_s",
            retry_after_s=wait_s,
        )

    def _parts(self) -> list[Any]:
        return [self._port, self._turns]

    def __repr__(self) -> str:
        return f"RateLimit({self._port!r}, {self._turns!r}, rpm={self._rate.requests}, tpm={self._rate.tokens})"


class _Counting(Hearing):
    """Takes note of what the provider counted."""

    def __init__(self) -> None:
        self.usage: Usage | None = None

    def whole(self, answer: Any) -> Any:
        if isinstance(answer, Completion):
            self.usage = answer.usage
        return answer

    def fragment(self, chunk: CompletionChunk) -> CompletionChunk:
        self.usage = chunk.usage or self.usage
        return chunk


def _estimated(given: CompletionRequest | Sequence[str]) -> int:
    if isinstance(given, CompletionRequest):
        return prompt_tokens(given) + answer_tokens(given)
    return text_tokens(*given)


def _later(given: Any, waited_s: float) -> Any:
    """Return a request that waits for its answer no longer than whoever asked does, who has waited already."""
    if isinstance(given, CompletionRequest) and waited_s > 0:
        return msgspec.structs.replace(given, timeout_s=max(given.timeout_s - waited_s, 0.001))
    return given
