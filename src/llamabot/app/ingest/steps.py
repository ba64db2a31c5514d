"""The steps of an ingestion that take time, as operations that the drivers of runs carry out in either colour."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llamabot.domain.operations import Wait

__all__ = ["asked", "done"]


def done(function: Callable[..., Any], *arguments: Any) -> Wait:
    """Return the operation that calls a function which looks at files."""
    return Wait(partial(function, *arguments))


def asked(port: Any, method: str, *arguments: Any, **named: Any) -> Wait:
    """Return the operation that calls a method of a port: the sync one, or where it is awaited the one named `a…`.

    Of a method that yields, the result is a list.
    """
    awaited = getattr(port, f"a{method}", None)
    return Wait(
        lambda: _whole(getattr(port, method)(*arguments, **named)),
        None if awaited is None else lambda: _awaited(awaited(*arguments, **named)),
    )


def _whole(answer: Any) -> Any:
    return list(answer) if hasattr(answer, "__next__") else answer


async def _awaited(answer: Any) -> Any:
    return [each async for each in answer] if hasattr(answer, "__aiter__") else await answer
