"""Cutting documents into passages, on semantic-text-splitter."""

from llamabot.adapters.splitting.semantic import SemanticSplitter

__all__ = ["SemanticSplitter"]
