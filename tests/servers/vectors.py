"""What a provider of embeddings says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.servers.replies import Exchange, Raw, Reply

from llamabot.testing import HashedEmbedding

__all__ = ["embedded", "hashed", "rows"]


def rows(vectors: Iterable[Any]) -> list[dict[str, Any]]:
    """Return vectors as providers number them."""
    return [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]


def embedded(data: Any) -> Raw:
    """Reply with these numbered vectors."""
    answer = {"object": "list", "model": "scripted-1", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    return Raw(json.dumps(answer).encode())


def hashed(exchange: Exchange) -> Reply:
    """Reply with vectors of hashed words, longer than one; refuse what providers refuse."""
    texts: Sequence[str] = exchange.body["input"]
    if not texts or any(not text.strip() for text in texts):
        return Raw(b'{"error": {"message": "input cannot be empty"}}', status=400)
    return embedded(rows((HashedEmbedding(64).embed(texts) * 3).tolist()))
