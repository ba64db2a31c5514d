"""LiteLLM: the surface through which bots reach hosted and local providers. It is loaded at the first call."""

from llamabot.adapters.litellm.completion import LiteLLMCompletion
from llamabot.adapters.litellm.embedding import LiteLLMEmbedding

__all__ = ["LiteLLMCompletion", "LiteLLMEmbedding"]
