"""The adapters that speak the chat-completions wire, made of the same options, for tests that are about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.adapters.wire.completion import WireCompletion

__all__ = ["ADAPTERS", "Make", "Port", "direct", "litellm"]

Port = LiteLLMCompletion | WireCompletion
Make = Callable[[Mapping[str, Any]], Port]


def litellm(options: Mapping[str, Any]) -> LiteLLMCompletion:
    return LiteLLMCompletion(options)


def direct(options: Mapping[str, Any]) -> WireCompletion:
    more = {name: value for name, value in options.items() if name != "api_base"}
    return WireCompletion(base_url=options.get("api_base", "http://127.0.0.1:9/v1"), options=more)


ADAPTERS: dict[str, Make] = {"litellm": litellm, "direct": direct}
