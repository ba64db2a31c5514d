"""Waiting until the log is committed, where a recorder promises it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from llamabot.domain.operations import Settle, Step, Steps
from llamabot.domain.past import Placed
from llamabot.domain.run_log import RunLog
from llamabot.ports.errors import RecorderError

__all__ = ["committed", "start_committed"]


def committed(log: RunLog, ticket: Future[None] | None) -> Steps[None]:
    """Wait until the log is committed; nobody sees what is not, and the error holds what was paid for."""
    if ticket is None:
        return
    try:
        yield Settle(ticket)
    except RecorderError as error:
        # Runs that are committed together share one error; each raises its own.
        own = RecorderError(str(error))
        log.sign(own)
        raise own from error


def start_committed(log: RunLog, ticket: Future[None], members: Sequence[Placed]) -> Steps[None]:
    """Wait until the start of effects is committed; if that fails or is cancelled, they end all the same."""
    try:
        yield from committed(log, ticket)
    except BaseException as error:
        for path, effect in members:
            log.effect_failed(path, Step(effect, None), 0, error)
        raise
