"""What tests of bots that look things up share."""

from __future__ import annotations

from typing import Any

import llamabot as lmb

__all__ = ["QUESTION", "ids_of", "kind_for"]

QUESTION = "Which linker?"


def kind_for(way: str) -> Any:
    return lmb.AsyncQueryBot if "async" in way else lmb.QueryBot


def ids_of(matches: Any) -> list[str]:
    return [match.passage.document_id for match in matches]
