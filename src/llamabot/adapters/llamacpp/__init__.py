"""Language models in this process, through llama.cpp."""

from llamabot.adapters.llamacpp.completion import EmbeddedCompletion

__all__ = ["EmbeddedCompletion"]
