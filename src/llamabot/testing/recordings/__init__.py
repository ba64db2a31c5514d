"""Recorded runs as tests: what a model answered once answers the same requests for ever.

A recording is the file that `recorder.export` writes, of one run or of several, made stable: times are zero, ids are
numbered, the events of each run are in the order of their paths, and where the provider was reached is left out. So
it is the same file again if the model answers the same again. Credentials are taken out on writing.

`@pytest.mark.llamabot_recording(path)` is the use of it in pytest.
"""

from __future__ import annotations

from llamabot.testing.recordings.recording import Recording, RecordingMissed
from llamabot.testing.recordings.writing import write_recording

__all__ = ["Recording", "RecordingMissed", "write_recording"]
