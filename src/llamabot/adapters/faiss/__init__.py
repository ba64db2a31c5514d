"""Vectors in FAISS indexes."""

from llamabot.adapters.faiss.index import FaissIndexes

__all__ = ["FaissIndexes"]
