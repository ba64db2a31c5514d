"""What a search of a document store gave."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from llamabot.domain.quotations import estimated_tokens, quotation
from llamabot.ports.assembly import mend_text
from llamabot.ports.documents import Match, Passage
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.recorder import as_json

__all__ = ["Retrieval", "check_store", "found_in"]


_NO_STORE = (
    'no document store is set: QueryBot(…, docstore=lmb.FaissDocStore("store/")), or docstore= in the call, or '
    "lmb.override(docstore=…)"
)


class Retrieval(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        matches: the closest first.
        tokens: about how many each of them takes as a quotation.
        relevant_score: the store's own: a match below it is probably not about the query.
    """

    matches: tuple[Match, ...]
    tokens: tuple[int, ...]
    relevant_score: float = 0.0


def check_store(store: object) -> None:
    """Raise `ConfigurationError` if there is no store."""
    if store is None:
        raise ConfigurationError(_NO_STORE)


def found_in(store: Any, found: Iterable[Match]) -> Retrieval:
    """Return what a search of a store gave, in a form that can be sent and logged."""
    matches = tuple(map(_mended, found))
    tokens = tuple(estimated_tokens(quotation(number, match)) for number, match in enumerate(matches, 1))
    return Retrieval(matches, tokens, float(store.relevant_score))


def _mended(match: Match) -> Match:
    """Return a match that can be sent and logged: its text is whole, its score a finite number of Python's own."""
    score, passage = float(match.score), match.passage
    try:
        _ENCODER.encode(passage)
    except UnicodeEncodeError:
        passage = msgspec.convert(_whole(msgspec.to_builtins(passage, enc_hook=as_json)), Passage)
    return Match(passage, score if math.isfinite(score) else 0.0)


def _whole(value: Any) -> Any:
    """Return plain data without half characters."""
    if isinstance(value, str):
        return mend_text(value)
    if isinstance(value, dict):
        return {_whole(name): _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value


_ENCODER = msgspec.json.Encoder(enc_hook=as_json)
