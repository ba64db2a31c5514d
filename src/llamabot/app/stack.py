"""The decorators that the settings put around the ports that are made by default, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llamabot.adapters.wrap.fallback import Fallback
from llamabot.adapters.wrap.retry import Retry
from llamabot.app.decorators import Budget, Cache, RateLimit
from llamabot.app.load import Load

__all__ = ["described", "stacked", "stacked_embedding"]


def stacked(port: Any, load: Load, route: Callable[[str], Any]) -> Any:
    """Return a completion port with the decorators that are asked for around it.

    From the outside in: the cache, so that what is there waits for nothing and costs nothing; the fallback, after all
    tries; the retry, each of whose attempts takes a turn and is paid; the budget, so that what it refuses takes none;
    and the rate limit.

    Args:
        port: the adapter.
        load: says which.
        route: of the name of a model that is fallen back on: what a `Fallback` takes.
    """
    if load.rpm is not None or load.tpm is not None:
        port = RateLimit(port, rpm=load.rpm, tpm=load.tpm, path=load.shared)
    if load.budget_usd is not None:
        per, by = load.budget_per, load.budget_by
        port = Budget(port, cost_usd=load.budget_usd, per=per, by=by, prices=load.prices, path=load.shared)
    if load.retry is not None:
        port = Retry(port, attempts=load.retry)
    if load.fallback:
        port = Fallback(port, *map(route, load.fallback))
    if load.cache is not None:
        port = Cache(port, path=None if load.cache == "memory" else load.cache)
    return port


def stacked_embedding(port: Any, load: Load) -> Any:
    """Return an embedder that is asked again; limits, budgets and caches are those of the chat model."""
    return port if load.retry is None else Retry(port, attempts=load.retry)


def described(load: Load) -> Iterator[str]:
    """Yield what stands around the adapter, from the outside in."""
    if load.cache is not None:
        yield f"cache ({load.cache})"
    if load.fallback:
        yield f"fallback ({', '.join(load.fallback)})"
    if load.retry is not None:
        yield f"retry ({load.retry} attempts)"
    if load.budget_usd is not None:
        by = f" by {load.budget_by}" if load.budget_by else ""
        yield f"budget (${load.budget_usd:g} per {load.budget_per}{by})"
    if load.rpm is not None or load.tpm is not None:
        most = [f"{value} {name}" for name, value in (("rpm", load.rpm), ("tpm", load.tpm)) if value is not None]
        yield f"rate limit ({', '.join(most)}, {'this process alone' if load.shared is None else load.shared})"
