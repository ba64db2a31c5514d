"""What was embedded is not embedded again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.docstore.shelf import books, check, check_file, shelf

import llamabot as lmb
from llamabot.ports.docstore import AddReport
from llamabot.testing import HashedEmbedding
from llamabot.testing.contracts.docstore_model import LineSplitter


@pytest.fixture(params=["disk", "memory"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "store" if request.param == "disk" else None


def embedded(embedding: HashedEmbedding) -> list[str]:
    """Return the texts that were embedded since this was last asked."""
    texts = [text for batch in embedding.batches for text in batch]
    embedding.batches.clear()
    return texts


def test_a_text_is_embedded_once(path: Path) -> None:
    embedding = HashedEmbedding(64)
    with shelf(path, embedding=embedding) as store:
        store.add([lmb.Document("a", "linker\nloader\nlinker"), lmb.Document("b", "loader")])
        assert embedded(embedding) == ["linker", "loader"]
        assert store.add([lmb.Document("b", "loader")]) == AddReport(unchanged=("b",))
        store.add([lmb.Document("a", "linker\nsymbol"), lmb.Document("c", "loader", {"lang": "en"})])
        assert embedded(embedding) == ["symbol"]
        store.reindex()
        assert embedded(embedding) == []
        assert [match.passage.document_id for match in store.search("loader", k=2)] == ["b", "c"]


def test_what_is_gone_leaves_no_vector_behind(tmp_path: Path) -> None:
    embedding = HashedEmbedding(16)
    with shelf(tmp_path, embedding=embedding) as store:
        store.add([lmb.Document("a", "linker\nloader"), lmb.Document("b", "symbol")])
        store.add([lmb.Document("b", "loader")])
        store.remove(["a"])
        check_file(tmp_path / "documents.db")
        embedded(embedding)
        store.add([lmb.Document("a", "linker\nloader")])
        assert embedded(embedding) == ["linker"]


def test_going_on_after_a_failure_embeds_the_rest_alone(tmp_path: Path) -> None:
    class Tiring(HashedEmbedding):
        tired = True

        def embed(self, texts):  # type: ignore[no-untyped-def]  # as the one that it stands for
            if self.tired and len(self.batches) == 2:
                raise lmb.errors.EmbeddingError("tired")
            return super().embed(texts)

    with shelf(tmp_path, embedding=HashedEmbedding(32)) as store:
        store.add(books(1_000))
    embedding = Tiring(16)
    with shelf(tmp_path, embedding=embedding) as store:
        with pytest.raises(lmb.errors.EmbeddingError, match="tired"):
            store.reindex()
        before = len(embedded(embedding))
        embedding.tired = False
        store.reindex()
        assert before > 0
        assert before + len(embedded(embedding)) == 1_000 + 7
        check(store, books(1_000))


def test_an_add_that_is_broken_off_keeps_what_it_embedded_and_shows_nothing(path: Path | None) -> None:
    class Interrupted(HashedEmbedding):
        stop_after: int | None = 2

        def embed(self, texts):  # type: ignore[no-untyped-def]  # as the one that it stands for
            if len(self.batches) == self.stop_after:
                raise KeyboardInterrupt
            return super().embed(texts)

    large = lmb.Document("large", "\n".join(f"volume {number}" for number in range(2_400)))
    embedding = Interrupted(16)
    with shelf(path, embedding=embedding) as store:
        with pytest.raises(KeyboardInterrupt):
            store.add([large])
        before = embedded(embedding)
        embedding.stop_after = None
        assert (len(before), store.count(), store.search("volume")) == (2_048, 0, ())
        embedding.batches.clear()
        assert store.add([large]).added == ("large",)
        assert sorted(before + embedded(embedding)) == sorted(large.text.split("\n"))
        assert store.search("volume 7", k=1)[0].passage.text == "volume 7"


class _Words(LineSplitter):
    name = "words"

    def split(self, document: lmb.Document) -> tuple[lmb.Passage, ...]:
        text = document.text.replace(" ", "\n")
        return super().split(lmb.Document(document.id, text, document.metadata, document.source))


def test_another_splitter_cuts_anew_what_is_added_again_and_all_at_reindex(tmp_path: Path) -> None:
    with shelf(tmp_path) as store:
        store.add([lmb.Document("a", "gold linker"), lmb.Document("b", "gold loader")])
    with shelf(tmp_path, splitter=_Words()) as store:
        assert store.add([lmb.Document("a", "gold linker")]) == AddReport(unchanged=("a",))
        assert {match.passage.text for match in store.search("gold")} == {"gold", "linker", "gold loader"}
        store.reindex()
        assert {match.passage.text for match in store.search("gold")} == {"gold", "linker", "loader"}
