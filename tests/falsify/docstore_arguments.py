"""Document stores with one bug each in how they take what they are given."""

from __future__ import annotations

from collections.abc import Iterable

from tests.falsify.plain_docstore import Found, PlainDocStore, replaced, sync

from llamabot.ports.docstore import AddReport, check_documents, check_ids
from llamabot.ports.documents import Document, Metadata
from llamabot.ports.errors import DocStoreError


@sync
class CapitalsAlike(PlainDocStore):
    """Does not tell capitals from small letters in ids, as a database's collation may."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        documents = list(check_documents(documents))
        known = {one.id.casefold(): one.id for one in self.known()}
        return super().add([replaced(one, id=known.setdefault(one.id.casefold(), one.id)) for one in documents])


@sync
class AddReadsTwice(PlainDocStore):
    """Looks through the documents before it adds them, which an iterator gives once."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        for document in check_documents(documents):
            assert document.id
        return super().add(documents)


@sync
class CountsEachMention(PlainDocStore):
    """Counts an id that is removed as often as it is named."""

    def remove(self, ids: Iterable[str]) -> int:
        ids = list(check_ids(ids))
        known = {one.id for one in self.known()}
        super().remove(ids)
        return sum(id_ in known for id_ in ids)


@sync
class LettersAreIds(PlainDocStore):
    """Takes the letters of one id for ids."""

    def remove(self, ids: Iterable[str]) -> int:
        return super().remove(list(ids))


@sync
class OneIsEnough(PlainDocStore):
    """Takes one document for several."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        return super().add([documents] if isinstance(documents, Document) else documents)


@sync
class TooManyVariables(PlainDocStore):
    """Asks for all ids in one statement, which takes 999 variables."""

    def remove(self, ids: Iterable[str]) -> int:
        ids = list(check_ids(ids))
        if len(ids) > 999:
            raise DocStoreError("too many SQL variables")
        return super().remove(ids)


@sync
class OneOfTheFilterWillDo(PlainDocStore):
    """Finds what has any of the metadata that are asked for, not all."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        super().search(query, k=k, where=where)
        every = super().search(query, k=1_000_000)
        singly = [
            super(OneOfTheFilterWillDo, self).search(query, k=1_000_000, where={n: v}) for n, v in (where or {}).items()
        ]
        return tuple(match for match in every if not singly or any(match in found for found in singly))[:k]


@sync
class FractionsOfMatches(PlainDocStore):
    """Rounds a k that is no whole number, and takes None for the default."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return super().search(query, k=8 if k is None else int(k), where=where)
