"""The log of runs and conversations in SQLite files."""

from llamabot.adapters.sqlite.memory import SqliteMemory
from llamabot.adapters.sqlite.recorder import RecorderHealth, SqliteRecorder

__all__ = ["RecorderHealth", "SqliteMemory", "SqliteRecorder"]
