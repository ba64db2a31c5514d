"""What a store on the disk takes for being about a question."""

from __future__ import annotations

from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.fusion import KeywordsOnly
from llamabot.testing import HashedEmbedding, ScriptedCompletion

DOCUMENTS = [lmb.Document(id="mold", text="mold is a linker")]


class _NamedMinilm(HashedEmbedding):
    """Has the name of MiniLM, so that no model is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "minilm-0123456789ab-256"


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({"embedding": _NamedMinilm()}, 0.25),
        ({"embedding": _NamedMinilm(), "relevant_score": 0.6}, 0.6),
        ({"embedding": _NamedMinilm(), "relevant_score": 0.0}, 0.0),
        ({"embedding": _NamedMinilm(), "fusion": KeywordsOnly()}, 0.0),
        ({"embedding": HashedEmbedding()}, 0.0),
        ({"embedding": HashedEmbedding(), "relevant_score": 0.6}, 0.6),
        ({"embedding": False}, 0.0),
    ],
)
def test_a_store_knows_of_minilm_what_is_relevant(settings: Any, known: float) -> None:
    with lmb.FaissDocStore(**settings) as store:
        assert store.relevant_score in (0.0, settings.get("relevant_score"))
        store.add(DOCUMENTS)
        assert store.relevant_score == known


def test_a_bot_asks_no_model_about_what_is_far_from_everything() -> None:
    with lmb.FaissDocStore(embedding=_NamedMinilm()) as store:
        store.add(DOCUMENTS)
        bot = lmb.QueryBot(docstore=store, completion=ScriptedCompletion(["mold [1]"]))
        assert "nothing" in bot("Who sings tonight?").text
        assert bot("Which linker?").text == "mold [1]"
