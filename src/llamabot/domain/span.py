"""`span`: a step of the user's own in the log; runs inside of it nest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Token
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import TracebackType
from typing import Any, TypeVar, cast

from llamabot.domain.arguments import check_kinds, check_tags
from llamabot.domain.resolve import resolve_instruments
from llamabot.domain.run_log import RunLog, current_run_id
from llamabot.ports.effect_context import EffectContext, current_effect, inherited_tags
from llamabot.ports.errors import UsageError
from llamabot.ports.recorder import RunKind

__all__ = ["Span", "span"]

F = TypeVar("F", bound=Callable[..., Any])


def span(name: str, *, tags: Mapping[str, str] | None = None) -> Span:
    """Log a block of code as a run of its own and give its id; bots called inside become its children.

    Works in sync and in async code, and as a decorator of functions of both colours, each call a span of its own.

    Args:
        name: how the log calls it.
        tags: labels that the log keeps with it; ports that bots call inside see them beside the bots' own.
    """
    check_kinds({"name": name, "tags": tags})
    check_tags(tags)
    return Span(name, tags or {})


class Span:
    """One block, or the blocks of a decorated function; made by `span`."""

    def __init__(self, name: str, tags: Mapping[str, str]) -> None:
        self._name = name
        self._tags = tags
        self._entered: list[tuple[RunLog, Token[str | None], Token[EffectContext | None]]] = []

    def __enter__(self) -> str:
        recorder, clock, ids = resolve_instruments({})
        log = RunLog(recorder, clock, ids)
        log.run_started(RunKind.SPAN, self._name, None, self._tags)
        log.send()
        # Its tags are those of all that is done inside of it: a budget by user can hold for a block.
        inside = EffectContext(log.run_id, inherited_tags(self._tags), clock, None)
        self._entered.append((log, current_run_id.set(log.run_id), current_effect.set(inside)))
        return log.run_id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        log, run_id, effect = self._entered.pop()
        try:
            log.run_finished(error)
        finally:
            current_effect.reset(effect)
            current_run_id.reset(run_id)

    def __call__(self, function: F) -> F:
        """Return the function, every call of it in a span."""
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise UsageError(
                f"a span around the generator {function.__qualname__!r} would end before it begins; "
                f"write `with lmb.span({self._name!r}):` inside of it"
            )

        @wraps(function)
        def within(*arguments: Any, **keywords: Any) -> Any:
            with Span(self._name, self._tags):
                return function(*arguments, **keywords)

        @wraps(function)
        async def awaited_within(*arguments: Any, **keywords: Any) -> Any:
            with Span(self._name, self._tags):
                return await function(*arguments, **keywords)

        return cast("F", awaited_within if iscoroutinefunction(function) else within)
