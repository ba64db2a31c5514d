"""Clients of event loops: LiteLLM keeps them for each loop and never closes them; here they are closed with their loop.

An asynchronous generator that is suspended in a loop is closed by `loop.shutdown_asyncgens()`, which `asyncio.run` and
every framework call before they close the loop. It is the only hook that a loop offers for its end.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from collections.abc import AsyncGenerator
from typing import Any

__all__ = ["ClientOfLoop", "close_clients_with_loop"]

_lock = threading.Lock()
_keepers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}


async def close_clients_with_loop(litellm: Any) -> None:
    """See to it that the clients which LiteLLM makes in the running loop are closed when that loop ends."""
    loop = asyncio.get_running_loop()
    if loop in _keepers:
        return
    keeper = _keeper(litellm, loop)
    with _lock:
        # A loop that was closed without ceremony would be held for ever.
        for ended in [ended for ended in _keepers if ended.is_closed()]:
            del _keepers[ended]
        _keepers[loop] = keeper
    await anext(keeper)


async def _keeper(litellm: Any, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        with _lock:
            _keepers.pop(loop, None)
        for client in _clients(litellm, loop):
            closing = (getattr(client, "aclose", None) or client.close)()
            if inspect.isawaitable(closing):
                await closing


def _clients(litellm: Any, loop: asyncio.AbstractEventLoop) -> list[Any]:
    """Take the loop's clients out of LiteLLM's cache, whose keys end in the loop's identity."""
    cache = litellm.in_memory_llm_clients_cache
    taken = []
    for key in [key for key in list(cache.cache_dict) if str(key).endswith(f"-{id(loop)}")]:
        taken.append(cache.cache_dict.pop(key, None))
        cache.ttl_dict.pop(key, None)
    return [client for client in taken if hasattr(client, "aclose") or hasattr(client, "close")]


class ClientOfLoop:
    """What LiteLLM's `module_level_aclient` is for the running loop.

    Its own is one for all loops: a connection that one of them has opened fails in the next.
    """

    def __getattr__(self, name: str) -> Any:
        handlers = importlib.import_module("litellm.llms.custom_httpx.http_handler")
        return getattr(handlers.get_async_httpx_client(llm_provider="llamabot"), name)
