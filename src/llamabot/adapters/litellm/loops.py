"""Clients of event loops: LiteLLM keeps them for each loop and never closes them; here they are, with their loop."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from typing import Any

from llamabot.protocols.loops import close_with_loop

__all__ = ["ClientOfLoop", "close_clients_with_loop"]


async def close_clients_with_loop(litellm: Any) -> None:
    """See to it that the clients which LiteLLM makes in the running loop are closed when that loop ends."""

    async def close(loop: asyncio.AbstractEventLoop) -> None:
        for client in _clients(litellm, loop):
            closing = (getattr(client, "aclose", None) or client.close)()
            if inspect.isawaitable(closing):
                await closing

    await close_with_loop(litellm.__name__, close)


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
