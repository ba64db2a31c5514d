"""What belongs to an event loop is closed when that loop ends.

An asynchronous generator that is suspended in a loop is closed by `loop.shutdown_asyncgens()`, which `asyncio.run` and
every framework call before they close the loop. It is the only hook that a loop offers for its end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable

__all__ = ["close_with_loop"]

_Close = Callable[[asyncio.AbstractEventLoop], Awaitable[None]]

_lock = threading.Lock()
_keepers: dict[tuple[asyncio.AbstractEventLoop, Hashable], AsyncGenerator[None]] = {}


async def close_with_loop(owner: Hashable, close: _Close) -> None:
    """See to it that `close` is awaited, once, when the running loop ends.

    Args:
        owner: whose it is: asked again for the same owner and loop, this does nothing.
        close: is given the loop; it is held until then.
    """
    loop = asyncio.get_running_loop()
    if (loop, owner) in _keepers:
        return
    keeper = _keeper(loop, owner, close)
    with _lock:
        # A loop that was closed without ceremony would be held for ever.
        for key in [key for key in _keepers if key[0].is_closed()]:
            del _keepers[key]
        _keepers[loop, owner] = keeper
    await anext(keeper)


async def _keeper(loop: asyncio.AbstractEventLoop, owner: Hashable, close: _Close) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        with _lock:
            _keepers.pop((loop, owner), None)
        await close(loop)
