"""`llamabot agent`, `resume` and `replay`: agents at work, going on, and told again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec

from llamabot.app.building import build_ids
from llamabot.app.cli.agents import AgentOptions, agent_of, bot_of, bot_of_run, own_defaults
from llamabot.app.cli.answering import say_how_it_ended
from llamabot.app.cli.asking import whole_question
from llamabot.app.cli.deciding import ask_approvals
from llamabot.app.cli.following import Follower, begun, resumed
from llamabot.app.cli.hints import goes_on_with
from llamabot.app.cli.importing import AnyBot
from llamabot.app.cli.terminal import AnswerWriter, say
from llamabot.domain.agent import AgentSettings
from llamabot.domain.approvals import ApprovalLike
from llamabot.domain.limits import Limits
from llamabot.domain.resolve import resolve_instruments
from llamabot.domain.result import Result, StreamEvent
from llamabot.domain.settings import ResumeSettings
from llamabot.domain.shells import SyncShell
from llamabot.domain.trace import read_trace
from llamabot.ports.errors import ApprovalNeeded
from llamabot.ports.recorder import RunStatus

__all__ = ["agent", "replay", "resume"]


def agent(question: str, options: AgentOptions, *, limits: dict[str, Any], stream: bool) -> None:
    """Let an agent work on a question; its answer goes to stdout."""
    question = whole_question(question, "agent")
    ids = _FirstId()
    with own_defaults() as settings:
        more: AgentSettings = {"ids": ids}
        if limits:
            more["limits"] = Limits(**limits)
        is_kept = settings.record != "metadata" and resolve_instruments({})[0] is not None
        run_id = ids.first if is_kept else lambda: None
        with agent_of(options, settings, **more) as bot, goes_on_with(options.words(), run_id):
            _finish(bot, begun(bot, question), {}, Follower(quiet=not stream))


def resume(
    wanted: str,
    options: AgentOptions,
    *,
    approvals: dict[str, ApprovalLike],
    outcomes: dict[str, str],
    limits: dict[str, Any],
    accept_changes: bool,
    stream: bool,
) -> None:
    """Go on with a run; its answer goes to stdout."""
    with own_defaults() as settings, bot_of_run(options, settings, wanted) as (bot, recorder, run):
        trace = read_trace(recorder.events(run.run_id))
        call: ResumeSettings = {"accept_changes": accept_changes}
        if limits and trace.input is not None:
            call["limits"] = msgspec.structs.replace(trace.input.limits, **limits)
        if run.status is RunStatus.COMPLETED:
            say("this run has ended; its answer is told from the log")
        done = [effect.result.call_id for effect in trace.effects if effect.result is not None]
        with goes_on_with(options.words(), lambda: run.run_id):
            settled: ResumeSettings = {**call, "approvals": approvals, "outcomes": outcomes}
            events = resumed(bot, run.run_id, **settled)
            _finish(bot, events, call, Follower(quiet=not stream, known=done))


def replay(recording: str, options: AgentOptions) -> None:
    """Go through a run again from its log, or from an exported file, and write its answer to stdout."""
    with own_defaults() as settings, ExitStack() as chosen:
        if recording.endswith(".json"):
            bot = chosen.enter_context(bot_of(options, settings, asks=False))
        else:
            bot, _, run = chosen.enter_context(bot_of_run(options, settings, recording, asks=False))
            recording = run.run_id
        writer = AnswerWriter()
        writer.text(_replayed(bot, recording).text)
        writer.end()


def _finish(bot: AnyBot, events: Iterator[StreamEvent[Any]], call: ResumeSettings, follower: Follower) -> None:
    """Follow a run to its end; where it waits for approval, ask the person at the terminal, if there is one."""
    while True:
        try:
            say_how_it_ended(follower.follow(events))
            return
        except ApprovalNeeded as error:
            answers = ask_approvals(error.calls)
            if answers is None or error.run_id is None:
                raise
            settled: ResumeSettings = {**call, "approvals": answers}
            events = resumed(bot, error.run_id, **settled)


def _replayed(bot: AnyBot, recording: str) -> Result[Any]:
    return bot.replay(recording) if isinstance(bot, SyncShell) else asyncio.run(bot.replay(recording))


class _FirstId:
    """Makes ids, and remembers the first: the run's own, which Ctrl-C does not tell."""

    def __init__(self) -> None:
        self._ids = build_ids()
        self._first: str | None = None

    def new_id(self) -> str:
        new = self._ids.new_id()
        self._first = self._first or new
        return new

    def first(self) -> str | None:
        """Return the first id, None while there is none."""
        return self._first
