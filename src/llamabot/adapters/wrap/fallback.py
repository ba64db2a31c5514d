"""Asking someone else where one fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import msgspec

from llamabot.adapters.wrap.steps import Ask, Steps
from llamabot.adapters.wrap.wrapped import Wrapped, capabilities_of, identity_of
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import CONNECTION_OPTIONS, CompletionRequest, ModelCapabilities
from llamabot.ports.effect_context import current_effect, tell_tried
from llamabot.ports.errors import CompletionError, ConfigurationError, ContentRefused

__all__ = ["Fallback", "are_of_one_provider"]


class _Route(NamedTuple):
    """Who is asked.

    Attributes:
        port: None is the first one.
        model: None is the one that was asked for.
    """

    port: Any
    model: str | None


class Fallback(Wrapped):
    """A completion port that asks the next one where one fails.

        Fallback(port, "openai/gpt-5-mini", LiteLLMCompletion({"api_base": …}), (local, "qwen3"))

    A text is another model on the first port, a port is asked for the same model, and a pair is a port with the name
    that it has for the model. What failed is in the run's log, as `tried`; where all fail, the last error is raised. A
    stream that has handed anything on is not begun again.

    What belongs to one provider alone does not go to another: a bot's keys and its options that say where the provider
    is (`api_base`, …) are used for the first port and those models of it whose name begins with the same provider
    (`openai/…`). What an adapter was made with goes wherever it is asked: make another one for another provider.

    Args:
        port: the first to be asked.
        others: those after it, in order.
        on: errors after which the next is asked. By default all of a provider but `ContentRefused`: what one refuses is
            not shopped around.
    """

    wraps: ClassVar = ("complete",)

    def __init__(
        self,
        port: Any,
        *others: Any,
        on: tuple[type[CompletionError], ...] | None = None,
        clock: ClockPort | None = None,
    ) -> None:
        super().__init__(port, clock)
        if not others:
            raise ConfigurationError('Fallback(port) falls back on nothing: name models or ports, Fallback(port, "…")')
        self._others = tuple(_route(other) for other in others)
        self._on = on
        self._without_secrets = port

    def _steps(self, request: CompletionRequest) -> Steps:
        context = current_effect.get()
        routes = list(self._routes(request))
        failed: list[str] = []
        for number, (port, asked) in enumerate(routes, 1):
            ask = Ask(port, asked)
            try:
                return (yield ask)
            except CompletionError as error:
                if ask.has_given or not self._goes_on_after(error) or number == len(routes):
                    _note(error, failed)
                    raise
                failed.append(f"{asked.model!r} failed with {type(error).__name__}")
                tell_tried(context, "fallback", model=asked.model, error=error)

    def _goes_on_after(self, error: CompletionError) -> bool:
        return not isinstance(error, ContentRefused) if self._on is None else isinstance(error, self._on)

    def _routes(self, request: CompletionRequest) -> Iterator[tuple[Any, CompletionRequest]]:
        """Yield who is asked, and what."""
        yield self._port, request
        for port, model in self._others:
            asked = request if model is None else msgspec.structs.replace(request, model=model)
            if port is None and are_of_one_provider(asked.model, request.model):
                yield self._port, asked
                continue
            options = {name: value for name, value in request.options.items() if name not in CONNECTION_OPTIONS}
            asked = msgspec.structs.replace(asked, options=options) if options != request.options else asked
            yield self._without_secrets if port is None else port, asked

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what holds for all that may answer in the model's place, and the price of the dearest."""
        asked = [(self._port, model)]
        asked += [
            (self._port if port is None else port, model if name is None else name) for port, name in self._others
        ]
        known = [capabilities_of(port, name) for port, name in asked]
        return ModelCapabilities(
            output_schema=_all([one.output_schema for one in known]),
            priced=_all([one.priced for one in known]),
            usd_per_prompt_token=_highest([one.usd_per_prompt_token for one in known]),
            usd_per_completion_token=_highest([one.usd_per_completion_token for one in known]),
        )

    @property
    def identity(self) -> str:
        """Name all that may answer, for caches."""
        others = [(None if port is None else identity_of(port), model) for port, model in self._others]
        return f"fallback {msgspec.json.encode([identity_of(self._without_secrets), others]).decode()}"

    def _parts(self) -> list[Any]:
        return [self._port, *(port for port, _ in self._others if port is not None)]

    def _offers(self, name: str) -> bool:
        # Keys are bound to the first port alone; what is called on all of them, all must have.
        return all(hasattr(port, name) for port in (self._parts()[:1] if name == "with_secrets" else self._parts()))

    def __repr__(self) -> str:
        others = [repr(model if port is None else port) for port, model in self._others]
        return f"Fallback({', '.join([repr(self._port), *others])})"


def _route(other: Any) -> _Route:
    if isinstance(other, str):
        return _Route(None, other)
    port, model = other if isinstance(other, tuple) and len(other) == 2 else (other, None)
    if isinstance(port, type) or not (hasattr(port, "complete") or hasattr(port, "acomplete")):
        raise ConfigurationError(
            f"Fallback falls back on the name of a model, a completion port, or a pair of these, not on {other!r}"
        )
    return _Route(port, model)


def are_of_one_provider(one: str, other: str) -> bool:
    """Say whether two names begin with the same provider, as `openai/…` does; a name that names none is of nobody's."""
    return one == other or _provider(one) == _provider(other) != ""


def _provider(model: str) -> str:
    return model.rpartition("/")[0].partition("/")[0]


def _all(known: list[bool | None]) -> bool | None:
    return False if False in known else None if None in known else True


def _highest(prices: list[float | None]) -> float | None:
    known = [price for price in prices if price is not None]
    return max(known) if len(known) == len(prices) else None


def _note(error: CompletionError, failed: list[str]) -> None:
    """Say on an error what had failed before."""
    if failed:
        error.add_note(f"Before it, {' and '.join(failed)}.")
