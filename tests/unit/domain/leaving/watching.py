"""What tests of leaving look at: the log of a run that was left, and a core that is run to its end."""

from __future__ import annotations

from typing import Any

from tests.property.cores import answered, assert_orderly

import llamabot as lmb
from llamabot.domain.effects import Core
from llamabot.domain.run import Run
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import InMemoryRecorder

__all__ = ["QUESTION", "assert_cancelled", "read_all", "run_core"]


QUESTION = CompletionRequest("", (lmb.user("?"),))


def assert_cancelled(recorder: InMemoryRecorder, partial: str | None) -> None:
    """Check that the only run was cancelled while it held this much of an answer."""
    (run,) = recorder.runs()
    assert run.status == "cancelled"
    events = recorder.events(run.run_id)
    assert_orderly(events)
    last = lmb.read_trace(events).effects[-1]
    assert (last.partial.text if last.partial else None) == partial


def run_core(core: Core[Any], world: Any) -> Any:
    return Run(world, bot="core").steps(answered(core)), world


async def read_all(abot: lmb.AsyncSimpleBot) -> list[Any]:
    async with abot.stream("?") as events:
        return [event async for event in events]
