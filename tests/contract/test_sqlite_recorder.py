from __future__ import annotations

from tests.contract.own_recorder import OwnRecorderContract

from llamabot.adapters.sqlite import SqliteRecorder


class TestSqliteRecorder(OwnRecorderContract):
    examples = 30

    def make(self) -> SqliteRecorder:
        return SqliteRecorder(self.folder / "runs.db")

    def reopen(self, recorder: SqliteRecorder) -> SqliteRecorder:
        recorder.close()
        return self.make()


class TestDurableSqliteRecorder(TestSqliteRecorder):
    examples = 14

    def make(self) -> SqliteRecorder:
        return SqliteRecorder(self.folder / "runs.db", durable=True)
