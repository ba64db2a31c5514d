"""The desk's own adapters keep what LlamaBot's ports promise, and its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import llamabot as lmb
from llamabot.testing.contracts import DocStoreContract, MemoryContract
from support_desk.adapters.database import Database
from support_desk.adapters.help_pages import SqliteHelpPages
from support_desk.adapters.shop import SqliteOrders
from support_desk.adapters.thread import SqliteThread
from support_desk.container import SupportDesk
from support_desk.domain.orders import DomainError, Money
from support_desk.tests.desks import LAMP


class TestThread(MemoryContract):
    examples = 10
    windows = (None, 3)

    def make(self) -> SqliteThread:
        return SqliteThread(Database(self.folder / "desk.db"), "ticket-1", turns=self.window)

    def make_other(self) -> SqliteThread:
        return SqliteThread(Database(self.folder / "desk.db"), "ticket-2", turns=self.window)

    def reopen(self, memory: SqliteThread) -> SqliteThread:
        return self.make()


class TestHelpPages(DocStoreContract):
    examples = 5

    def make(self) -> SqliteHelpPages:
        return SqliteHelpPages(Database(self.folder / "desk.db"), lmb.SemanticSplitter())

    def reopen(self, store: SqliteHelpPages) -> SqliteHelpPages:
        return self.make()


def test_a_turn_that_breaks_off_is_not_kept(tmp_path: Path) -> None:
    thread = SqliteThread(Database(tmp_path / "desk.db"), "ticket-1")
    with pytest.raises(lmb.errors.LlamabotError):
        thread.remember([lmb.user("hi"), lmb.AssistantMessage("hello", provider_data={"x": object()})])
    assert thread.recall() == ()


def test_what_is_wrong_with_the_file_is_told_in_the_words_of_the_port(tmp_path: Path) -> None:
    database = Database(tmp_path / "desk.db")
    with database.writing() as file:
        file.executescript("DROP TABLE messages; DROP TABLE help_pages; BEGIN;")
    with pytest.raises(lmb.errors.MemoryFailed) as memory:
        SqliteThread(database, "ticket-1").recall()
    with pytest.raises(lmb.errors.DocStoreError) as store:
        SqliteHelpPages(database, lmb.SemanticSplitter()).search("lamp")
    assert isinstance(memory.value.__cause__, sqlite3.Error)
    assert isinstance(store.value.__cause__, sqlite3.Error)


def test_pays_once_for_one_key(tmp_path: Path) -> None:
    orders = SqliteOrders(Database(tmp_path / "desk.db"))
    orders.add([LAMP])
    for _ in range(2):
        assert orders.pay_back(LAMP.id, Money.of(100), "a").refunded == Money.of(100)
    assert orders.pay_back(LAMP.id, Money.of(80), "b").refundable == Money()


def test_pays_no_more_than_was_paid_however_many_ask_at_once(tmp_path: Path) -> None:
    orders = SqliteOrders(Database(tmp_path / "desk.db"))
    orders.add([LAMP])
    refused: list[str] = []

    def ask(key: str) -> None:
        try:
            orders.pay_back(LAMP.id, Money.of(50), key)
        except DomainError:
            refused.append(key)

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 3
    order = orders.get(LAMP.id)
    assert order is not None
    assert order.refunded == Money.of(150)


def test_finds_the_help_page_and_knows_when_there_is_none(make: Callable[..., SupportDesk]) -> None:
    pages = make().help_pages()
    best = pages.search("Do you repair a lamp that breaks?")[0]
    assert best.passage.place.heading == ("Warranty",)
    assert best.score >= pages.relevant_score
    assert all(match.score < pages.relevant_score for match in pages.search("Who sings tonight?"))
