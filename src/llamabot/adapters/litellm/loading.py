"""Loading LiteLLM: once, at the first call, quiet, offline, and never on an event loop.

The switches are LiteLLM's own globals. They are set before and right after its import and at no other time, so a
program that wants others sets them afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import sys
import threading
from collections.abc import Collection, Mapping
from typing import Any

from llamabot.adapters.litellm.callbacks import quiet_services, untold
from llamabot.adapters.litellm.one_request import ask_once
from llamabot.ports.errors import MissingExtra

__all__ = ["aload", "load", "loaded"]

_lock = threading.Lock()
_litellm: Any = None
_rehearsed = False

# Without the first LiteLLM fetches a price list at import, without the second it reads `.env` files.
_ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}

_SWITCHES: Mapping[str, object] = {
    "suppress_debug_info": True,
    "disable_streaming_logging": True,
    "telemetry": False,
    # With its own transport, what had arrived before an asynchronous stream breaks is lost.
    "disable_aiohttp_transport": True,
    # Counting tokens itself, LiteLLM would fetch a tokenizer for every model with "llama" in its name.
    "disable_hf_tokenizer_download": True,
    # It fails a stream in which the same fragment comes a hundred times; a table of dashes is such an answer.
    "REPEATED_STREAMING_CHUNK_LIMIT": sys.maxsize,
}

_LOGGERS: Mapping[str, int] = {
    **dict.fromkeys(("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "litellm"), logging.CRITICAL + 1),
    # In detail they write addresses with their credentials, headers and bodies.
    **dict.fromkeys(("httpx", "openai"), logging.WARNING),
}


def loaded() -> Any:
    """Return LiteLLM if it is loaded, else None."""
    return _litellm


def load() -> Any:
    """Return LiteLLM, imported and switched.

    Raises:
        MissingExtra: it is not installed.
    """
    global _litellm
    if _litellm is None:
        with _lock:
            if _litellm is None:
                _litellm = _imported()
    return _litellm


async def aload() -> Any:
    """Return LiteLLM without stopping the event loop for its import, nor for what its first call imports."""
    if not _rehearsed:
        await asyncio.to_thread(_rehearse)
    return _litellm


def _imported() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _silence()
    known = set(sys.modules)
    try:
        litellm = importlib.import_module("litellm")
    except BaseException as error:
        _forget_orphans(known)
        if isinstance(error, ModuleNotFoundError):
            raise MissingExtra.for_package(error.name or "litellm", "litellm") from error
        raise
    for name, switch in _SWITCHES.items():
        setattr(litellm, name, switch)
    quiet_services(litellm)
    ask_once(litellm)
    return litellm


def _forget_orphans(known: Collection[str]) -> None:
    """Let go of modules that were left behind when the import of their package failed, or met Ctrl-C.

    Python would find them at the next try, and not put them into their package any more.
    """
    for name in sorted(set(sys.modules).difference(known)):  # a package comes before what is in it
        package = name.rpartition(".")[0]
        if package and package not in sys.modules:
            del sys.modules[name]


def _silence() -> None:
    """Keep its loggers still, from its import on: they write to standard output wherever the root logger is verbose."""
    for name, level in _LOGGERS.items():
        logger = logging.getLogger(name)
        # A level that somebody chose stays.
        if logger.level == logging.NOTSET:
            logger.setLevel(level)


def _rehearse() -> None:
    global _rehearsed
    litellm = load()
    with _lock:
        if not _rehearsed:
            # Only time is at stake: what fails here is told by the call itself.
            with contextlib.suppress(Exception):
                asyncio.run(_play(litellm))
            _rehearsed = True


_SCENE = {"model": "openai/rehearsal", "messages": [{"role": "user", "content": "-"}], "no-log": True}
_ANSWER = (
    b'{"id":"1","object":"chat.completion","created":1,"model":"rehearsal",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"-"},"finish_reason":"stop"}]}'
)
_EVENTS = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"rehearsal",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"-"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


async def _play(litellm: Any) -> None:
    """Call LiteLLM in both forms with a transport in memory: hundreds of modules load at its first call."""
    httpx, openai = importlib.import_module("httpx"), importlib.import_module("openai")

    def answer(request: Any) -> Any:
        streamed = b'"stream":true' in request.content.replace(b" ", b"")
        kind = "text/event-stream" if streamed else "application/json"
        return httpx.Response(200, content=_EVENTS if streamed else _ANSWER, headers={"Content-Type": kind})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with openai.AsyncOpenAI(api_key="-", base_url="http://rehearsal", http_client=http) as client:
        with untold(litellm, _SCENE):
            await litellm.acompletion(**_SCENE, client=client)
            stream = await litellm.acompletion(
                **_SCENE, client=client, stream=True, stream_options={"include_usage": True}
            )
        async for _ in stream:
            pass
