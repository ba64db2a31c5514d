"""The clients that people write without a framework."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from benchmarks.peers.tasks import MODEL, PROMPT, QUESTION, SUM, Tasks

__all__ = ["http_libraries", "httpx_client", "litellm_client", "openai_client"]

_MESSAGES = ({"role": "system", "content": PROMPT}, {"role": "user", "content": QUESTION})
_USAGE = {"include_usage": True}
_TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
    },
}


def httpx_client(address: str) -> Tasks:
    """Return httpx alone: for the start of a process, which is all that it is asked for."""
    import httpx

    client = httpx.Client(base_url=address, headers={"Authorization": "Bearer none"})

    def call() -> str:
        answer = client.post("chat/completions", json={"model": MODEL, "messages": _MESSAGES})
        return str(answer.json()["choices"][0]["message"]["content"])

    return Tasks(call=call)


def http_libraries(address: str) -> Tasks:
    """Return what people take for HTTP without a second thought: urllib3, and aiohttp where it is awaited."""
    import aiohttp
    import msgspec
    import urllib3

    pool, url = urllib3.PoolManager(), f"{address}/chat/completions"
    headers = {"Authorization": "Bearer none", "Content-Type": "application/json"}
    asked = {"model": MODEL, "messages": _MESSAGES}

    def text(body: bytes) -> str:
        return str(msgspec.json.decode(body)["choices"][0]["message"]["content"])

    def call() -> str:
        return text(pool.request("POST", url, body=msgspec.json.encode(asked), headers=headers).data)

    def acall() -> Callable[[], Awaitable[str]]:
        sessions: list[aiohttp.ClientSession] = []

        async def ask() -> str:
            if not sessions:
                sessions.append(aiohttp.ClientSession())
            async with sessions[0].post(url, data=msgspec.json.encode(asked), headers=headers) as answer:
                return text(await answer.read())

        return ask

    return Tasks(call=call, acall=acall)


def openai_client(address: str) -> Tasks:
    """Return OpenAI's own client."""
    import openai

    settings: dict[str, Any] = {"base_url": address, "api_key": "none", "max_retries": 0, "timeout": 600}
    client = openai.OpenAI(**settings)

    def acall() -> Callable[[], Awaitable[str]]:
        waiting = openai.AsyncOpenAI(**settings)

        async def ask() -> str:
            answer = await waiting.chat.completions.create(model=MODEL, messages=_MESSAGES)
            return str(answer.choices[0].message.content)

        return ask

    def ask(messages: Any, **more: Any) -> Any:
        return client.chat.completions.create(model=MODEL, messages=messages, **more)

    return Tasks(
        call=lambda: str(ask(_MESSAGES).choices[0].message.content),
        acall=acall,
        stream=lambda: _texts(ask(_MESSAGES, stream=True, stream_options=_USAGE)),
        agent=lambda: _by_hand(lambda messages: ask(messages, tools=[_TOOL])),
    )


def litellm_client(address: str) -> Tasks:
    """Return LiteLLM with the switches that our adapter sets."""
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    import litellm

    for switch in ("suppress_debug_info", "disable_streaming_logging", "disable_aiohttp_transport"):
        setattr(litellm, switch, True)
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = sys.maxsize
    settings: dict[str, Any] = {"timeout": 600.0, "max_retries": 0, "num_retries": 0, "api_base": address}
    settings |= {"model": f"openai/{MODEL}", "api_key": "none"}

    async def ask_once() -> str:
        answer = await litellm.acompletion(messages=list(_MESSAGES), **settings)
        return str(answer.choices[0].message.content)

    def ask(messages: Any, **more: Any) -> Any:
        return litellm.completion(messages=list(messages), **settings, **more)

    return Tasks(
        call=lambda: str(ask(_MESSAGES).choices[0].message.content),
        acall=lambda: ask_once,
        stream=lambda: _texts(ask(_MESSAGES, stream=True, stream_options=_USAGE)),
        agent=lambda: _by_hand(lambda messages: ask(messages, tools=[_TOOL])),
    )


def _texts(stream: Any) -> Iterator[str]:
    for piece in stream:
        if piece.choices and piece.choices[0].delta.content:
            yield piece.choices[0].delta.content


def _by_hand(ask: Callable[[list[Any]], Any]) -> str:
    """Call the tool as long as the model asks for it."""
    messages: list[Any] = [{"role": "system", "content": "You add."}, {"role": "user", "content": SUM}]
    while True:
        message = ask(messages).choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return str(message.content)
        for call in message.tool_calls:
            arguments = json.loads(call.function.arguments)
            result = arguments["a"] + arguments["b"]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})
