"""The document store port: documents go in, passages that match a question come out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from numbers import Integral
from typing import Protocol

import msgspec

from llamabot.ports.documents import Document, Match, Metadata
from llamabot.ports.errors import UsageError
from llamabot.ports.kinds import a_kind

__all__ = [
    "AddReport",
    "AsyncCataloguePort",
    "AsyncDocStorePort",
    "AsyncSearchPort",
    "CataloguePort",
    "DocStorePort",
    "Known",
    "SearchPort",
    "SourceSearchPort",
    "check_documents",
    "check_ids",
    "check_metadata",
    "check_search",
]


class AddReport(msgspec.Struct, frozen=True):
    """What an `add` did: ids of documents, in the order in which they were given.

    Attributes:
        added: were not there before.
        changed: took the place of an older version.
        unchanged: were there already, the same to the letter.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class SearchPort(Protocol):
    """Finds passages of documents, all that a bot asks of a store. Safe to share by threads.

    Raises `DocStoreError` where the world behind it fails, and what its embedder raises.

    Attributes:
        relevant_score: a match below it is probably not about the query; 0.0 where the store cannot tell.
    """

    @property
    def relevant_score(self) -> float: ...  # noqa: D102 - told above

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> tuple[Match, ...]:
        """Return the passages that are closest to a query, the closest first.

        Any text is a query: nothing in it has a meaning of its own. An empty one, or one of white space, finds nothing.

        Args:
            query: what is looked for.
            k: most matches; 0 is legal, and so is any number above all there are.
            where: only documents whose metadata has all of these, with equal values: `True` is not 1, and None is a
                value that is there.

        Law: `search(k)` is a prefix of `search(k + 1)`; of equal scores, the lower document id comes first, then the
        lower number; `where` leaves out, and changes neither scores nor order of what stays; what was removed is never
        found.

        Raises:
            UsageError: the query is no text, k no whole number or negative, or a value of `where` no scalar.
        """


class SourceSearchPort(SearchPort, Protocol):
    """A store that also searches in some sources alone, which it need not: of others, more and more is looked at."""

    def search_in(
        self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None
    ) -> tuple[Match, ...]:
        """As `search`, of passages from some sources.

        Args:
            sources: names of files or, ending with `/`, of folders: then of all sources that begin so.
            query: what is looked for.
            k: most matches.
            where: as in `search`.

        Law: it is what `search` finds with the others left out: the same scores in the same order.
        """


class DocStorePort(SearchPort, Protocol):
    """Keeps documents and finds their passages. Safe to share by threads.

    Raises `DocStoreError` where the world behind it fails, and what its embedder raises.
    """

    def add(self, documents: Iterable[Document]) -> AddReport:
        """Add documents, each under its id in the place of an older one; all of them or, if it raises, none.

        The same id twice in one call: the last one counts. A document without text is kept, and never found.

        Law: adding twice is adding once; the order of documents with different ids does not matter to any search.

        Raises:
            UsageError: an id is empty, a text is no string, a value of the metadata is no scalar; or it is one document
                and not several.
        """

    def remove(self, ids: Iterable[str]) -> int:
        """Remove documents and return how many were there; unknown ids are ignored.

        Raises:
            UsageError: it is one id and not several: its letters may be ids too.
        """

    def count(self) -> int:
        """Return how many documents there are."""


class Known(msgspec.Struct, frozen=True):
    """A document that a store has, as far as it must be known to see whether its source has changed."""

    id: str
    source: str
    fingerprint: str


class CataloguePort(DocStorePort, Protocol):
    """A store that also tells what it has, which lets ingestion skip what is unchanged and remove what is gone."""

    def known(self) -> Iterator[Known]:
        """Yield the documents, in the order of their ids."""


class AsyncSearchPort(Protocol):
    """As `SearchPort`, without blocking the event loop. A store that is only sync is searched in a worker thread."""

    @property
    def relevant_score(self) -> float: ...  # noqa: D102 - told above

    async def asearch(self, query: str, *, k: int = 8, where: Metadata | None = None) -> tuple[Match, ...]:
        """As `search`."""


class AsyncDocStorePort(AsyncSearchPort, Protocol):
    """As `DocStorePort`, without blocking the event loop."""

    async def aadd(self, documents: Iterable[Document]) -> AddReport:
        """As `add`."""

    async def aremove(self, ids: Iterable[str]) -> int:
        """As `remove`."""

    async def acount(self) -> int:
        """As `count`."""


class AsyncCataloguePort(AsyncDocStorePort, Protocol):
    """As `CataloguePort`, without blocking the event loop."""

    def aknown(self) -> AsyncIterator[Known]:
        """As `known`."""


def check_documents(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield documents that a store can take.

    Raises:
        UsageError: one cannot be, or they are not several.
    """
    if isinstance(documents, Document | str | bytes) or not isinstance(documents, Iterable):
        raise UsageError(f"several documents are added at once, and this is {a_kind(documents)}: add([…])")
    return map(_checked, documents)


def check_ids(ids: Iterable[str]) -> Iterator[str]:
    """Yield ids of documents.

    Raises:
        UsageError: one is no string, or they are not several.
    """
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise UsageError(f"several documents are removed at once, and this is {ids!r}: remove([{ids!r}])")
    for id_ in ids:
        if not isinstance(id_, str):
            raise UsageError(f"{id_!r} is no document's id: an id is a string")
        yield id_


def check_search(query: str, k: int, where: Metadata | None) -> None:
    """Refuse a search that cannot be.

    Raises:
        UsageError: the query is no text, k no whole number or negative, or a value of `where` no scalar.
    """
    if not isinstance(query, str):
        raise UsageError(f"a query is a string, not {query!r}")
    if not isinstance(k, Integral) or k < 0:
        raise UsageError(f"k={k!r}: it is how many matches are wanted, 0 or more")
    check_metadata({} if where is None else where, "to look for")


def check_metadata(metadata: Metadata, whose: str) -> None:
    """Refuse metadata that is none.

    Raises:
        UsageError: it is no table, a name is no string, or a value no scalar.
    """
    if not isinstance(metadata, Mapping):
        raise UsageError(f"the metadata {whose} is {a_kind(metadata)}, not a dict")
    for name, value in metadata.items():
        if not isinstance(name, str):
            raise UsageError(f"the metadata {whose} has a name {name!r} that is no string")
        if not isinstance(value, str | int | float | bool | None):
            raise UsageError(
                f"the metadata {name!r} {whose} is {a_kind(value)}; it can be a string, a number, a boolean or None"
            )


def _checked(document: Document) -> Document:
    if not isinstance(document, Document):
        raise UsageError(f"a store takes Documents, not {type(document).__name__}: lmb.Document(id=…, text=…)")
    for name in ("id", "text", "source", "format", "fingerprint"):
        value = getattr(document, name)
        if not isinstance(value, str):
            raise UsageError(f"the {name} of document {document.id!r} is {a_kind(value)}, not a string")
    if not document.id:
        raise UsageError("a document needs an id that is not empty")
    check_metadata(document.metadata, f"of document {document.id!r}")
    return document
