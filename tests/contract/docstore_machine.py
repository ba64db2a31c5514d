"""A document store against a dictionary, in any order of operations."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.contract.docstore_model import Model

from llamabot.ports.docstore import AddReport
from llamabot.ports.documents import Document

if TYPE_CHECKING:
    from tests.contract.docstore_contract import DocStoreContract

_WORDS = ("linker", "loader", "symbol", "table", "mold", "gold", "lld")
_SCALARS = st.sampled_from(("en", "de", 1, 1.0, True, False, None, 0, "1", 2**70))

ids = st.sampled_from(("a", "b", "B", "a/1", "'; DROP TABLE documents; --", "\ud800", "nul\0", "\N{LLAMA}", "10", "9"))
lines = st.lists(st.sampled_from(_WORDS), max_size=4).map(" ".join)
texts = st.lists(lines, max_size=3).map("\n".join)
metadata = st.dictionaries(st.sampled_from(("lang", "year", '"')), _SCALARS, max_size=2)
documents = st.builds(Document, ids, texts, metadata, source=st.sampled_from(("", "a.md")))


class DocStoreMachine(RuleBasedStateMachine):
    """The model: the documents by id."""

    def __init__(self, contract: DocStoreContract) -> None:
        super().__init__()
        self.contract = contract
        self.folder = TemporaryDirectory()
        self.store: Any = contract.make(Path(self.folder.name))
        self.model = Model(contract.score)

    def teardown(self) -> None:
        self.contract.close(self.store)
        self.folder.cleanup()

    @rule(given=st.lists(documents, max_size=4))
    def add(self, given: list[Document]) -> None:
        """What is given is there afterwards, the last of each id, and the report says what was new."""
        last = {document.id: document for document in given}
        before = dict(self.model.documents)
        report = self.store.add(given)
        self.model.documents.update(last)
        assert report == AddReport(
            tuple(id_ for id_ in last if id_ not in before),
            tuple(id_ for id_ in last if id_ in before and not _same(before[id_], last[id_])),
            tuple(id_ for id_ in last if id_ in before and _same(before[id_], last[id_])),
        )

    @rule()
    def add_again(self) -> None:
        """Adding twice is adding once."""
        everything = list(self.model.documents.values())
        assert self.store.add(everything) == AddReport(unchanged=tuple(self.model.documents))

    @rule(gone=st.lists(ids, max_size=3))
    def remove(self, gone: list[str]) -> None:
        """What is removed was there, and is no more."""
        there = set(gone) & self.model.documents.keys()
        assert self.store.remove(gone) == len(there)
        for id_ in there:
            del self.model.documents[id_]

    @rule(query=lines, k=st.integers(0, 9), where=st.none() | metadata)
    def search(self, query: str, k: int, where: dict[str, Any] | None) -> None:
        """The best are found, the first of more of them, and a filter only leaves out."""
        found = self.store.search(query, k=k, where=where)
        self.model.check(found, query, k, where)
        assert self.store.search(query, k=k + 1, where=where)[:k] == found
        everything = self.store.search(query, k=99)
        assert [match for match in everything if match in found] == list(found)

    @rule()
    def tell(self) -> None:
        """The store knows what it has."""
        assert self.store.count() == len(self.model.documents)
        assert [known.id for known in self.store.known()] == sorted(self.model.documents)

    @rule()
    def reopen(self) -> None:
        """What was closed is found again."""
        self.store = self.contract.reopen(self.store, Path(self.folder.name))

    @rule()
    def rebuild(self) -> None:
        """Making all that can be made anew changes nothing."""
        self.contract.rebuild(self.store, Path(self.folder.name))


def _same(some: Document, other: Document) -> bool:
    return repr(some) == repr(other)
