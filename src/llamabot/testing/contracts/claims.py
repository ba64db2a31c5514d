"""What recorders promise of claims; a part of `RecorderContract`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest

from llamabot.ports.errors import RunBusy
from llamabot.testing.contracts.at_once import all_at_once
from llamabot.testing.contracts.contract import Contract
from llamabot.testing.contracts.recorder_events import RUN_IDS

__all__ = ["Claims"]


class Claims(Contract):
    """One hand at a time on a run."""

    def made(self) -> AbstractContextManager[Any]:
        """Lend a recorder to one example."""
        raise NotImplementedError

    def test_a_run_is_in_one_hand_at_a_time(self) -> None:
        with self.made() as recorder:
            claim = recorder.claim("run")
            with pytest.raises(RunBusy):
                recorder.claim("run")
            other = recorder.claim("another")
            claim.release()
            second = recorder.claim("run")
            claim.release()
            with pytest.raises(RunBusy):
                recorder.claim("run")
            second.release()
            other.release()
            recorder.claim("run").release()

    def test_a_claim_that_is_forgotten_is_given_back(self) -> None:
        with self.made() as recorder:
            claim = recorder.claim("run")
            del claim
            recorder.claim("run").release()

    @pytest.mark.parametrize("run_id", [*RUN_IDS, "../../run", "r" * 5_000, "\ud800"])
    def test_any_run_id_can_be_claimed(self, run_id: str) -> None:
        with self.made() as recorder:
            claim = recorder.claim(run_id)
            with pytest.raises(RunBusy):
                recorder.claim(run_id)
            claim.release()

    def test_one_of_many_threads_gets_the_claim(self) -> None:
        held: list[Any] = []
        refused: list[int] = []

        def work(thread: int) -> None:
            for number in range(20):
                try:
                    held.append((number, recorder.claim(f"run-{number}")))
                except RunBusy:
                    refused.append(thread)

        with self.made() as recorder:
            all_at_once(work, 4)
            assert sorted(number for number, _ in held) == list(range(20))
            assert len(refused) == 60
            for _, claim in held:
                claim.release()

    def test_never_two_hold_a_claim_that_changes_hands(self) -> None:
        inside: list[int] = []

        def work(thread: int) -> None:
            for _ in range(60):
                try:
                    claim = recorder.claim("run")
                except RunBusy:
                    continue
                inside.append(thread)
                assert inside == [thread]
                inside.clear()
                claim.release()

        with self.made() as recorder:
            all_at_once(work, 4)
