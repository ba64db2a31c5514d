"""LiteLLM's callbacks: where nobody has set any, it is spared the work of telling them.

For each answer it makes a background task or thread that goes through its lists of callbacks. With several event loops
its one worker moves from loop to loop and leaves tasks behind, of which asyncio complains on stderr. Calls that it
counts as internal have none of that, and nothing else changes for them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["is_heard", "quiet_services", "untold"]

_LISTS = (
    "callbacks",
    "failure_callback",
    "input_callback",
    "success_callback",
    "_async_failure_callback",
    "_async_input_callback",
    "_async_success_callback",
)
_OPTIONS = frozenset({"callbacks", "failure_callback", "input_callback", "litellm_logging_obj", "success_callback"})


def is_heard(litellm: Any, arguments: Mapping[str, Any]) -> bool:
    """Say whether there is a callback to tell of a call; LiteLLM's cache is one."""
    return bool(_OPTIONS & arguments.keys()) or any(getattr(litellm, name, None) for name in _LISTS)


@contextmanager
def untold(litellm: Any, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Make the calls in this block internal ones, unless there are callbacks to tell."""
    if is_heard(litellm, arguments):
        yield
        return
    internal = importlib.import_module("litellm._internal_context").is_internal_call
    token = internal.set(True)
    try:
        yield
    finally:
        # A coroutine that the garbage collector closes is in another context: there is nothing to take back.
        with suppress(ValueError):
            internal.reset(token)


def quiet_services(litellm: Any) -> None:
    """Keep LiteLLM from running an event loop in every blocking call to tell callbacks that nobody has set.

    In the main thread it leaves that loop open, in others it makes one a call. There is no switch for it.
    """
    timing: Any = importlib.import_module("litellm.litellm_core_utils.logging_utils")
    if getattr(timing, "_service_logger", None) is None:
        timing._service_logger = _Services(litellm)  # noqa: SLF001 - where the module looks for it


class _Services:
    """LiteLLM's service logger where there is a callback to tell, else silence."""

    def __init__(self, litellm: Any) -> None:
        self._litellm = litellm

    def service_success_hook(self, **told: Any) -> None:
        if self._litellm.service_callback:
            _service_logger().service_success_hook(**told)

    async def async_service_success_hook(self, **told: Any) -> None:
        if self._litellm.service_callback:
            await _service_logger().async_service_success_hook(**told)


def _service_logger() -> Any:
    return importlib.import_module("litellm._service_logger").ServiceLogging()
