"""A document store against a dictionary, in any order of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from llamabot.ports.docstore import AddReport
from llamabot.ports.documents import Document
from llamabot.testing.contracts.docstore_model import Model, fits

if TYPE_CHECKING:
    from llamabot.testing.contracts.docstore import DocStoreContract

__all__ = ["DocStoreMachine"]

_WORDS = ("linker", "loader", "symbol", "table", "mold", "gold", "lld")
_SCALARS = st.sampled_from(("en", "de", 1, 1.0, True, False, None, 0, "1", 2**70))
_ALL = 99

_plain_ids = ("a", "b", "B", "a/1", "'; DROP TABLE documents; --", "\N{LLAMA}", "10", "9")
_ids = st.sampled_from((*_plain_ids, "\ud800", "nul\0"))
_lines = st.lists(st.sampled_from(_WORDS), max_size=4).map(" ".join)
_texts = st.lists(_lines, max_size=3).map("\n".join)
_metadata = st.dictionaries(st.sampled_from(("lang", "year", '"')), _SCALARS, max_size=2)
_documents = st.builds(Document, _ids, _texts, _metadata, source=st.sampled_from(("", "a.md")))


class DocStoreMachine(RuleBasedStateMachine):
    """The model: the documents by id."""

    def __init__(self, contract: DocStoreContract) -> None:
        super().__init__()
        self.contract = contract
        self.lending = contract.made()
        self.store: Any = self.lending.__enter__()
        self.model = Model(contract.score, contract.tolerance)

    def teardown(self) -> None:
        """Give the store back."""
        self.lending.__exit__(None, None, None)

    @rule(given=st.lists(_documents, max_size=4))
    def add(self, given: list[Document]) -> None:
        """What is given is there afterwards, the last of each id, and the report says what was new."""
        given = [document for document in given if self._is_taken(document.id)]
        last = {document.id: document for document in given}
        before = dict(self.model.documents)
        report = self.store.add(given)
        self.model.documents.update(last)
        assert report == AddReport(
            tuple(id_ for id_ in last if id_ not in before),
            tuple(id_ for id_ in last if id_ in before and repr(before[id_]) != repr(last[id_])),
            tuple(id_ for id_ in last if id_ in before and repr(before[id_]) == repr(last[id_])),
        )

    @rule()
    def add_again(self) -> None:
        """Adding twice is adding once."""
        everything = list(self.model.documents.values())
        assert self.store.add(everything) == AddReport(unchanged=tuple(self.model.documents))

    @rule(gone=st.lists(_ids, max_size=3))
    def remove(self, gone: list[str]) -> None:
        """What is removed was there, and is no more."""
        gone = list(filter(self._is_taken, gone))
        there = set(gone) & self.model.documents.keys()
        assert self.store.remove(gone) == len(there)
        for id_ in there:
            del self.model.documents[id_]

    @rule(query=_lines, k=st.integers(0, 9), where=st.none() | _metadata)
    def search(self, query: str, k: int, where: dict[str, Any] | None) -> None:
        """The best are found, the first of more of them, and a filter only leaves out."""
        found = self.store.search(query, k=k, where=where)
        self.model.check(found, query, k, where)
        assert self.store.search(query, k=k + 1, where=where)[:k] == found
        everything = self.store.search(query, k=_ALL)
        self.model.check(everything, query, _ALL, None)
        self.model.check_all(everything, query)
        assert [match for match in everything if fits(match.passage.metadata, where)][:k] == list(found)

    @rule()
    def tell(self) -> None:
        """The store knows what it has."""
        assert self.store.count() == len(self.model.documents)
        if self.contract.supports("catalogue"):
            known = [(known.id, known.source) for known in self.store.known()]
            assert known == [(id_, document.source) for id_, document in sorted(self.model.documents.items())]

    @rule()
    def reopen(self) -> None:
        """What was closed is found again."""
        self.store = self.contract.reopened(self.store)

    @rule()
    def rebuild(self) -> None:
        """Making all that can be made anew changes nothing."""
        self.contract.rebuild(self.contract.port_of(self.store))

    def _is_taken(self, id_: str) -> bool:
        return id_ in _plain_ids or self.contract.supports("any text")
