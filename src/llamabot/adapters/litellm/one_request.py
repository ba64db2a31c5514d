"""One request a call: LiteLLM's HTTP clients neither ask again over a new connection nor follow a redirect.

There is no switch for either. Where an answer fails to begin, the request may have been read and be paid for; and a
redirect would take the headers, keys of many providers among them, to whatever host it names.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from llamabot.adapters.litellm.deadline import keep_to_deadlines
from llamabot.adapters.litellm.errors import SecondRequest
from llamabot.adapters.litellm.loops import ClientOfLoop

__all__ = ["ask_once"]

_MAKERS = (
    ("litellm.llms.custom_httpx.http_handler", "HTTPHandler", "create_client"),
    ("litellm.llms.custom_httpx.http_handler", "AsyncHTTPHandler", "create_client"),
    ("litellm.llms.openai.common_utils", "BaseOpenAILLM", "_get_sync_http_client"),
    ("litellm.llms.openai.common_utils", "BaseOpenAILLM", "_get_async_http_client"),
)


def ask_once(litellm: Any) -> None:
    """Keep LiteLLM's HTTP clients from any request but the one they are asked for, and within loop and deadline."""
    for module, name, maker in _MAKERS:
        _watch_maker(getattr(importlib.import_module(module), name), maker, litellm)
    handlers: Any = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    handlers.AsyncHTTPHandler.single_connection_post_request = _fail_as_before
    _keep_in_place(litellm.module_level_client.client)  # who used LiteLLM before us may have made it already
    litellm.module_level_aclient = ClientOfLoop()


def _watch_maker(owner: Any, maker: str, litellm: Any) -> None:
    make = vars(owner).get(maker)  # private to LiteLLM: another version may have it elsewhere
    if isinstance(make, staticmethod):
        setattr(owner, maker, staticmethod(_staying(make.__func__, litellm)))
    elif make is not None:
        setattr(owner, maker, _staying(make, litellm))


def _staying(make: Callable[..., Any], litellm: Any) -> Callable[..., Any]:
    """Return a maker of clients that follow no redirect and keep to deadlines; a session of the user's own stays."""

    def made(*arguments: Any, **more: Any) -> Any:
        client = make(*arguments, **more)
        if client is not litellm.client_session and client is not litellm.aclient_session:
            _keep_in_place(client)
        return client

    return made


def _keep_in_place(client: Any) -> None:
    client.follow_redirects = False
    keep_to_deadlines(client)


async def _fail_as_before(*_: Any, **__: Any) -> None:
    """Stand in for a second request, which LiteLLM makes while it handles the failure of the first."""
    raise sys.exception() or SecondRequest
