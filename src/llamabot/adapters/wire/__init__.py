"""The direct adapter: servers that speak OpenAI's wire, asked over HTTP with nothing between."""

from llamabot.adapters.wire.completion import WireCompletion
from llamabot.adapters.wire.embedding import WireEmbedding

__all__ = ["WireCompletion", "WireEmbedding"]
