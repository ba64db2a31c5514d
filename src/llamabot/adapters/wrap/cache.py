"""Answering what was asked before from what was answered then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.adapters.wrap.flights import Flights, Join
from llamabot.adapters.wrap.steps import Ask, Give, Hearing, Steps, noting
from llamabot.adapters.wrap.wrapped import Wrapped, identity_of
from llamabot.ports.assembly import as_chunk, assemble
from llamabot.ports.cache import CachePort
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, FinishReason
from llamabot.ports.effect_context import current_effect
from llamabot.ports.errors import ConfigurationError

__all__ = ["Cache"]

_VERSION = 1
_NS_PER_S = 1_000_000_000
_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER: msgspec.json.Decoder[tuple[CompletionChunk, ...]] = msgspec.json.Decoder(tuple[CompletionChunk, ...])


class Cache(Wrapped):
    """As `lmb.Cache`, around a port, with the place where answers are kept.

    Args:
        port: the port.
        kept: where answers are kept.
        name: of the adapter, in the place of what it says of itself.
        max_age_s: older answers are asked for anew; None keeps them.
        clock: by default that of the run.
    """

    def __init__(
        self,
        port: Any,
        kept: CachePort,
        *,
        name: str | None = None,
        max_age_s: float | None = None,
        clock: ClockPort | None = None,
    ) -> None:
        super().__init__(port, clock)
        if max_age_s is not None and not max_age_s >= 0:
            raise ConfigurationError(f"max_age_s={max_age_s!r}: it is a number of seconds, or None")
        self._kept, self._max_age_s = kept, max_age_s
        self._flights = Flights()
        self._adapter = identity_of(port) if name is None else name

    def clear(self) -> None:
        """Forget all answers that are kept where this one keeps them."""
        self._kept.clear()

    def _steps(self, given: Any) -> Steps:
        now_ns = self._clock_for(current_effect.get()).now_ns()
        if isinstance(given, CompletionRequest):
            return self._answer(given, now_ns)
        return self._vectors(list(given), now_ns)

    def _answer(self, request: CompletionRequest, now_ns: int) -> Steps:
        key = self._key(request)
        if key is None:
            return (yield Ask(self._port, request))
        flight = yield Join(self._flights, key, request.timeout_s)
        try:
            kept = yield from self._read([key], now_ns)
            chunks = _decoded(kept.get(key))
            if chunks is not None:
                return (yield Give(_free_of_charge(chunks)))
            keeping = _Keeping()
            answer = yield Ask(self._port, request, keeping)
            value = keeping.value()
            if value is not None:
                yield noting(self._kept, partial(self._kept.write, {key: value}, now_ns=now_ns))
            return answer
        finally:
            if flight is not None:
                flight.land()

    def _vectors(self, texts: list[str], now_ns: int) -> Steps:
        import numpy

        keys = [_digest(b"embed", self._port.name.encode(), text.encode("utf-8", "surrogatepass")) for text in texts]
        kept = _rows_in((yield from self._read(keys, now_ns)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in kept}
        if missing or not texts:
            asked = numpy.asarray((yield Ask(self._port, list(missing.values()))), dtype=numpy.float32)
            if not texts:
                return asked
            new = {key: row.tobytes() for key, row in zip(missing, asked, strict=True)}
            kept.update(new)
            yield noting(self._kept, partial(self._kept.write, new, now_ns=now_ns))
        return numpy.stack([numpy.frombuffer(kept[key], dtype=numpy.float32) for key in keys])

    def _read(self, keys: Sequence[str], now_ns: int) -> Steps:
        since_ns = 0 if self._max_age_s is None else now_ns - round(self._max_age_s * _NS_PER_S)
        return (yield noting(self._kept, partial(self._kept.read, keys, since_ns=max(since_ns, 0)))) or {}

    def _key(self, request: CompletionRequest) -> str | None:
        """Return the key of a request, None for one that JSON cannot hold."""
        asked = msgspec.structs.replace(request, timeout_s=0.0)  # how long it may take changes no answer
        try:
            return _digest(b"complete", self._adapter.encode(), _ENCODER.encode(asked))
        except (TypeError, ValueError, RecursionError):
            return None

    def _parts(self) -> list[Any]:
        return [self._port, self._kept]

    def __repr__(self) -> str:
        return f"Cache({self._port!r}, {self._kept!r})"


class _Keeping(Hearing):
    """Takes note of an answer for the next one who asks."""

    def __init__(self) -> None:
        self._chunks: list[CompletionChunk] = []

    def whole(self, answer: Completion) -> Completion:
        """Take note of a whole answer, if a stream of it would be the same."""
        if assemble([as_chunk(answer)]) == answer:
            self._chunks = [as_chunk(answer)]
        return answer

    def fragment(self, chunk: CompletionChunk) -> CompletionChunk:
        """Take note of a fragment."""
        self._chunks.append(chunk)
        return chunk

    def value(self) -> bytes | None:
        """Return the answer as it is kept, None for one that is not."""
        reasons = {chunk.finish_reason for chunk in self._chunks} - {None}
        if not reasons or FinishReason.CONTENT_FILTER in reasons:
            return None
        for chunks in (self._chunks, [as_chunk(assemble(self._chunks))]):
            try:
                return _ENCODER.encode(chunks)
            except (TypeError, ValueError, RecursionError):  # half a character, the other half in the next fragment
                continue
        return None


def _free_of_charge(chunks: Sequence[CompletionChunk]) -> list[CompletionChunk]:
    """Return fragments of which the last says that nobody was asked, and that it has cost nothing."""
    free = [msgspec.structs.replace(chunk, cost_usd=None) for chunk in chunks]
    return [*free[:-1], msgspec.structs.replace(free[-1], cost_usd=0.0, from_cache=True)]


def _decoded(value: bytes | None) -> tuple[CompletionChunk, ...] | None:
    """Return the fragments that are kept, None for what is none of ours."""
    if value is None:
        return None
    try:
        return _DECODER.decode(value) or None
    except (msgspec.MsgspecError, RecursionError, TypeError):
        return None


def _rows_in(kept: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the vectors that are kept; none, where one of them is none of ours, for nobody can tell which."""
    are_rows = all(isinstance(value, bytes) and value and len(value) % 4 == 0 for value in kept.values())
    return dict(kept) if are_rows and len(set(map(len, kept.values()))) <= 1 else {}


def _digest(*parts: bytes) -> str:
    """Return a name for these, in their order; one of another version is another."""
    digest = blake2b(str(_VERSION).encode(), digest_size=32)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
