from __future__ import annotations

from pathlib import Path

from tests.contract.recorder_contract import RecorderContract

from llamabot.adapters.sqlite import SqliteRecorder


class TestSqliteRecorder(RecorderContract):
    examples = 30

    def make(self, folder: Path) -> SqliteRecorder:
        return SqliteRecorder(folder / "runs.db")

    def reopen(self, recorder: SqliteRecorder, folder: Path) -> SqliteRecorder:
        return self.make(folder)


class TestDurableSqliteRecorder(TestSqliteRecorder):
    examples = 14

    def make(self, folder: Path) -> SqliteRecorder:
        return SqliteRecorder(folder / "runs.db", durable=True)
