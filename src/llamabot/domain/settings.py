"""The keyword arguments of bots and of their calls, each stated once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from llamabot.domain.approvals import ApprovalLike
from llamabot.domain.limits import Limits
from llamabot.domain.world import AnyCompletion, AnyMemory
from llamabot.ports.clock import ClockPort
from llamabot.ports.ids import IdPort
from llamabot.ports.progress import MapProgress
from llamabot.ports.recorder import RecorderPort
from llamabot.ports.retrying import RetryPolicy

__all__ = ["BotSettings", "CallSettings", "MapSettings", "ResumeSettings"]


class BotSettings(TypedDict, total=False):
    """The keyword arguments of every bot; all may be left out.

    Attributes:
        model: as the adapter names it; LiteLLM's names by default, `embedded/…` runs in this process.
        temperature: sent only if given.
        max_tokens: most tokens of an answer; sent only if given.
        timeout_s: longest wait for an answer, or for the next fragment of a stream; 600 by default.
        options: what the adapter gets as given (`api_base`, `api_key`, `top_p`, …). Keys are held as secrets.
        name: how the log calls the bot; its class's name by default.
        limits: what one call may use.
        completion: the port that answers; by default chosen by the model's name.
        recorder: the port that keeps the log; by default the configured one.
        memory: the conversation that calls read and add to; none by default.
        clock: the port that tells the time.
        ids: the port that names runs.
    """

    model: str | None
    temperature: float | None
    max_tokens: int | None
    timeout_s: float
    options: Mapping[str, Any]
    name: str
    limits: Limits
    completion: AnyCompletion | None
    recorder: RecorderPort | None
    memory: AnyMemory | None
    clock: ClockPort | None
    ids: IdPort | None


class CallSettings(TypedDict, total=False):
    """The keyword arguments of one call.

    Attributes:
        memory: the conversation for this call instead of the bot's; None for none.
        limits: instead of the bot's.
        options: added to the bot's, option by option.
        tags: labels that the log keeps with the run.
        state: an object for the bot's tools, which find it in their `RunContext`; it is never serialised.
    """

    memory: AnyMemory | None
    limits: Limits
    options: Mapping[str, Any]
    tags: Mapping[str, str]
    state: Any


class ResumeSettings(TypedDict, total=False):
    """The keyword arguments of `resume`. What is left out is as it was in the recorded call.

    Attributes:
        limits: larger ones, to go on after one was reached.
        state: as in a call.
        memory: as in a call.
        options: as in a call.
        approvals: answers to `ApprovalNeeded`, by the id of the call: True, `Approved(…)` or `Denied(…)`.
        outcomes: answers to `ToolOutcomeUnknown`, by the id of the call: a text, or what JSON can hold.
        accept_changes: go on with the recorded transcript and today's prompt, tools and code, though they differ.
    """

    limits: Limits
    state: Any
    memory: AnyMemory | None
    options: Mapping[str, Any]
    approvals: Mapping[str, ApprovalLike]
    outcomes: Mapping[str, Any]
    accept_changes: bool


class MapSettings(TypedDict, total=False):
    """The keyword arguments of `map`.

    Attributes:
        concurrency: most inputs that are worked on at once; 8 by default.
        as_completed: yield items as they are done; by default in the order of the inputs.
        retry: when an error that may pass is tried again; three times in all by default, None for never.
        prompt: makes of an input what the bot is asked; by default the input is that already. A sync bot calls it on
            several threads.
        resume: a name for the job. What its log holds is told from there, what was begun goes on, the rest is done.
        key: names an input of the job; by default its index and what it asks do.
        accept_changes: of a job: take what was answered though the bot, or the input with this key, was another.
        progress: True shows a bar, False none; by default there is one on a terminal. Or a function that is told.
        limits: of each call.
        options: of each call.
        tags: labels that the log keeps with each run.
        state: an object for the bot's tools, shared by all calls.
    """

    concurrency: int
    as_completed: bool
    retry: RetryPolicy | None
    prompt: Callable[[Any], Any] | None
    resume: str | None
    key: Callable[[Any], str | int] | None
    accept_changes: bool
    progress: bool | Callable[[MapProgress], object] | None
    limits: Limits
    options: Mapping[str, Any]
    tags: Mapping[str, str]
    state: Any
