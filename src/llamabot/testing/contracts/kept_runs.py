"""What recorders promise of few runs, shown plainly; a part of `RecorderContract`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

from llamabot.ports.recorder import Blob, EffectFinished
from llamabot.testing.contracts.claims import Claims
from llamabot.testing.contracts.contract import needs, not_made
from llamabot.testing.runs import NOW_NS, a_run, moment

__all__ = ["KeptRuns"]

_DEPTH = 100


class KeptRuns(Claims):
    """Filters one by one, contents, blobs, and when something is committed."""

    def make(self) -> Any:
        """Return an empty recorder."""
        raise not_made(self)

    def reopen(self, recorder: Any) -> Any:
        """Return the recorder as who comes later finds it: closed, and made again. By default it lives in memory."""
        return recorder

    def test_finds_runs_that_have_all_the_tags(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("user", tags={"user": "7"}) + a_run("both", tags={"user": "7", "lang": "en"}))
            assert [run.run_id for run in recorder.runs(tags={"lang": "en", "user": "7"})] == ["both"]

    def test_finds_runs_directly_inside_another(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("outer") + a_run("inner", parent_id="outer") + a_run("innermost", parent_id="inner"))
            assert [run.run_id for run in recorder.runs(parent_id="outer")] == ["inner"]

    def test_a_time_without_a_zone_is_local_wherever_that_is(self) -> None:
        with self.made() as recorder, _far_from_utc():
            recorder.append(a_run("run"))
            local = moment(NOW_NS).astimezone().replace(tzinfo=None)
            assert local != moment(NOW_NS).replace(tzinfo=None) or not hasattr(time, "tzset")
            assert [run.run_id for run in recorder.runs(since=local)] == ["run"]
            assert list(recorder.runs(since=local + timedelta(microseconds=1))) == []

    @needs("contents")
    def test_keeps_outcomes_however_deep_they_are(self) -> None:
        deep: Any = "the bottom"
        for _ in range(_DEPTH):
            deep = {"list": [deep]}
        with self.made() as recorder:
            recorder.append([EffectFinished("run", NOW_NS, "1", "complete", outcome=deep, partial=deep)])
            (event,) = recorder.events("run")
            assert (event.outcome, event.partial) == (deep, deep)

    @needs("contents")
    def test_a_blob_that_comes_twice_is_there_once(self) -> None:
        blob = Blob("run", "settings", "{}")
        with self.made() as recorder:
            recorder.append([blob, *a_run("run")])
            recorder.append([Blob("run", "other", "[]"), blob])
            digests = [event.digest for event in recorder.events("run") if isinstance(event, Blob)]
            assert sorted(digests) == ["other", "settings"]

    def test_what_a_ticket_says_is_committed_is_found_by_another(self) -> None:
        with self.made() as recorder:
            if recorder.durable and type(self).reopen is not KeptRuns.reopen:
                recorder.append(a_run("run")).result()
                with closing(self.make()) as another:
                    assert len(another.events("run")) == len(recorder.events("run")) > 0


@contextmanager
def _far_from_utc() -> Iterator[None]:
    """Live where the clocks are five and a half hours ahead of UTC, where the system can be told so."""
    before = os.environ.get("TZ")
    try:
        _move_to("IST-5:30")
        yield
    finally:
        _move_to(before)


def _move_to(zone: str | None) -> None:
    if hasattr(time, "tzset"):
        os.environ.pop("TZ", None) if zone is None else os.environ.update(TZ=zone)
        time.tzset()
