"""What all bots share: their settings, and how a call begins, is resumed and is told again.

A bot is immutable and holds no state of a call, so one bot serves any number of threads and tasks. What a subclass
adds is `_core`: a generator of effects, written once for both colours.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from os import PathLike
from typing import Any, ClassVar, Generic, Self, TypeVar, Unpack

import msgspec

from llamabot.domain.arguments import check_kinds, check_tags, refuse_unknown, shows
from llamabot.domain.asking import priced
from llamabot.domain.call import ALONE, Call, Setup
from llamabot.domain.effects import Core
from llamabot.domain.history import History
from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.domain.logged import RunInput
from llamabot.domain.messages import MessageLike, to_messages
from llamabot.domain.operations import Steps, Wait
from llamabot.domain.resolve import Colour, check_colours, resolve_instruments, resolve_world
from llamabot.domain.result import Conclusion, Result
from llamabot.domain.resuming import claimed, recorded, releasing
from llamabot.domain.run import Run
from llamabot.domain.settings import BotSettings, CallSettings, MapSettings, ResumeSettings
from llamabot.domain.settling import Settled, current_settled
from llamabot.domain.toolset import Toolset
from llamabot.domain.world import AnyDocStore, World
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.errors import ConfigurationError, UnknownArgument, UsageError
from llamabot.ports.messages import DeveloperMessage, Message, SystemMessage
from llamabot.ports.provider import check_instruments
from llamabot.ports.secrets import NO_SECRETS, Secrets, split_secrets

__all__ = ["Bot"]

T = TypeVar("T")
_TIMEOUT_S = 600.0


class Bot(Generic[T]):
    """A system prompt and settings; subclasses add the core, shells add the colour."""

    _colour: ClassVar[Colour]
    _limits: ClassVar[Limits] = NO_LIMITS
    _settings_type: ClassVar[type[Any]] = BotSettings
    _call_type: ClassVar[type[Any]] = CallSettings
    _resume_type: ClassVar[type[Any]] = ResumeSettings
    _map_type: ClassVar[type[Any]] = MapSettings
    _recorded: ClassVar[tuple[str, ...]] = ()
    """Settings of a call that the log keeps, because only bots of this kind have them."""
    _parameters: ClassVar[tuple[str, ...]] = ("system_prompt",)

    @shows(BotSettings)
    def __init__(
        self, system_prompt: str | SystemMessage | DeveloperMessage = "", **settings: Unpack[BotSettings]
    ) -> None:
        """Make a bot; nothing is opened or asked."""
        self._system = _system_messages(system_prompt)
        self._settings: dict[str, Any] = {}
        self._options: Mapping[str, Any] = {}
        self._secrets = NO_SECRETS
        self._refuse_unknown("", settings, self._parameters)
        self._set(settings)

    def with_(self, **changes: Unpack[BotSettings]) -> Self:
        """Return a copy with other settings."""
        return self._changed(changes)

    def __repr__(self) -> str:
        prompt = self._system[0].text if self._system else ""
        shown = "".join(f", {name}={value!r}" for name, value in self._shown().items())
        return f"{type(self).__name__}({prompt!r}{shown})"

    def _shown(self) -> dict[str, Any]:
        """Return what the representation shows beside the prompt."""
        return {**self._settings, **({"options": dict(self._options)} if self._options else {})}

    def _core(self, call: Call) -> Core[Conclusion[T]]:
        """Do the bot's work, as effects. No colour, no I/O, no state outside of the generator."""
        raise NotImplementedError

    def _changed(self, changes: Mapping[str, Any]) -> Self:
        for name in changes:
            if name in self._parameters:
                raise UnknownArgument(f"{type(self).__name__}.with_() does not change {name!r}: make another bot")
        self._refuse_unknown(".with_", changes)
        changed = copy.copy(self)
        changed._set(changes)  # noqa: SLF001 - it is one of us
        return changed

    def _set(self, changes: Mapping[str, Any]) -> None:
        check_kinds(changes)
        check_instruments(changes)
        self._settings = {**self._settings, **changes}
        if "options" in changes:
            self._options, self._secrets = split_secrets(self._settings.pop("options") or {})
        timeout_s = self._settings.get("timeout_s", _TIMEOUT_S)
        if timeout_s is None or not 0 < timeout_s < math.inf:
            raise ConfigurationError(
                f"timeout_s={timeout_s!r}: it is a number of seconds, more than 0 and not infinite"
            )
        check_colours(self._colour, self._settings.get("completion"), self._settings.get("memory"))
        self._request = CompletionRequest(
            model="",
            messages=(),
            temperature=self._settings.get("temperature"),
            max_tokens=self._settings.get("max_tokens"),
            timeout_s=timeout_s,
            options=self._options,
        )

    def _refuse_unknown(self, method: str, given: Mapping[str, Any], parameters: tuple[str, ...] = ()) -> None:
        known = self._settings_type.__annotations__
        refuse_unknown(f"{type(self).__name__}{method}()", given, known, parameters=parameters)

    def _begin(self, inputs: tuple[MessageLike, ...], call: CallSettings) -> tuple[Steps[Result[T]], World]:
        """Return a new run."""
        if call:
            known = self._call_type.__annotations__
            refuse_unknown("a call of a bot", call, known, self._settings_type.__annotations__)
            check_kinds(call)
        messages = to_messages(*inputs)
        if not messages:
            raise UsageError("nothing was asked: give the bot at least one string or message")
        return self._new_run(self._set_up(call), messages, call)

    def _new_run(
        self, setup: Setup, messages: tuple[Message, ...], call: Mapping[str, Any], run_id: str | None = None
    ) -> tuple[Steps[Result[T]], World]:
        """Return a new run; where it could be resumed after a crash, in this caller's hand alone."""
        check_tags(call.get("tags"))
        options = call.get("options")
        given = RunInput(messages, split_secrets(options)[0] if options else {}, setup.limits, setup.settings)
        run = self._run(setup, tags=call.get("tags"), run_id=run_id)
        steps = run.steps(self._core_within(setup, messages), given)
        recorder = setup.world.recorder
        if recorder is not None and setup.is_durable:
            steps = claimed(recorder, run.run_id, steps)
        return steps, setup.world

    def _resumption(self, run_id: str, call: ResumeSettings) -> Steps[tuple[Steps[Result[T]], World]]:
        """Return a run that goes on where its log ends; a completed one is told again."""
        refuse_unknown("resume()", call, self._resume_type.__annotations__)
        settled = Settled.of(call.get("approvals") or {}, call.get("outcomes") or {})
        recorder, _, _ = resolve_instruments(self._settings)
        if recorder is None:
            raise ConfigurationError("there is nothing to resume: recording is off")
        with ExitStack() as held:
            held.callback((yield Wait(partial(recorder.claim, run_id))).release)
            history = History(
                (yield Wait(partial(recorder.events, run_id))), run_id, accept_changes=call.get("accept_changes", False)
            )
            steps, world = self._next_try(history, settled.about(history), call)
            return releasing(held.pop_all(), steps), world

    def _run_inside(self, run_id: str, messages: tuple[Message, ...]) -> Steps[tuple[Steps[Result[T]], World]]:
        """Return a run inside another: a new one, or, where the other goes on, the one that it had begun."""
        settled = current_settled.get()
        recorder, _, _ = resolve_instruments(self._settings)
        if settled is not None and recorder is not None:
            with ExitStack() as held:
                held.callback((yield Wait(partial(recorder.claim, run_id))).release)
                events = yield Wait(partial(recorder.events, run_id))
                if events:
                    steps, world = self._next_try(History(events, run_id), settled, {})
                    return releasing(held.pop_all(), steps), world
        return self._new_run(self._set_up({}), messages, {}, run_id)

    def _next_try(self, history: History, settled: Settled, call: Mapping[str, Any]) -> tuple[Steps[Result[T]], World]:
        """Return a recorded run that goes on."""
        setup = self._set_up(_as_recorded(call, history), history.summary.model)
        run = self._run(setup, history=history, settled=settled, retold=history.completed)
        return run.steps(self._core_within(setup, history.input.messages)), setup.world

    def _replay(self, recording: str | PathLike[str]) -> Steps[tuple[Steps[Result[T]], World]]:
        """Return a run that is told again from its log alone."""
        recorder, clock, ids = resolve_instruments(self._settings)
        history = yield Wait(partial(recorded, recording, recorder))
        nothing: Any = None
        world = World(nothing, nothing, None, clock, ids, self._toolset())
        memory = {"memory": _RECORDED} if history.has("recall") else {}
        setup = self._set_up(_as_recorded(memory, history), history.summary.model, world, retold=True)
        run = self._run(setup, history=history, retold=True)
        return run.steps(self._core_within(setup, history.input.messages)), world

    def _set_up(
        self, call: Mapping[str, Any], model: str | None = None, world: World | None = None, *, retold: bool = False
    ) -> Setup:
        """Return what a call is made with: its own settings, else the bot's, else what is configured.

        Args:
            call: the call's settings.
            model: instead of what is configured.
            world: instead of the one that the settings lead to.
            retold: it is told again from its log alone, so that no price matters any more.
        """
        settings = self._settings if not model or self._settings.get("model") else {**self._settings, "model": model}
        options, secrets = self._call_options(call.get("options"))
        is_durable = world is not None  # what is only told again can be forgotten no more
        if world is None:
            memory = call["memory"] if "memory" in call else settings.get("memory")
            memory = None if memory in (_RECORDED, ALONE) else memory
            docstore = self._docstore(call)
            world, model = resolve_world(self._colour, settings, memory, secrets, self._toolset(), docstore)
            is_durable = getattr(world.recorder, "durable", False)
            if call.get("memory") is ALONE:
                world = msgspec.structs.replace(world, memory=None)
        request = msgspec.structs.replace(self._request, model=settings.get("model") or model or "", options=options)
        limits = call.get("limits") or settings.get("limits") or self._limits
        has_memory = world.memory is not None or call.get("memory") is _RECORDED
        is_priced = limits.cost_usd is not None and not retold
        own = {name: call[name] for name in self._recorded if name in call}
        return Setup(world, request, limits, secrets, call.get("state"), has_memory, is_durable, is_priced, own)

    def _run(self, setup: Setup, **more: Any) -> Run:
        return Run(
            setup.world,
            bot=self._settings.get("name") or type(self).__name__,
            model=setup.request.model or None,
            limits=setup.limits,
            secrets=setup.secrets,
            state=setup.state,
            first_path=0 if setup.is_priced else 1,
            **more,
        )

    def _core_within(self, setup: Setup, messages: tuple[Message, ...]) -> Core[Conclusion[T]]:
        """Return the core; where a cost is limited, after a look at whether the price is known."""
        call = Call(messages, setup.request, setup.has_memory, setup.is_durable, setup.state, setup.settings)
        core = self._core(call)
        return priced(setup.request.model, core) if setup.is_priced else core

    def _toolset(self) -> Toolset | None:
        """Return the tools of a run; bots that have some say which."""
        return None

    def _docstore(self, call: Mapping[str, Any]) -> AnyDocStore | None:
        """Return the store of a call; bots that have one say which."""
        return None

    def _call_options(self, options: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], Secrets]:
        if not options:
            return self._options, self._secrets
        visible, secrets = split_secrets(options)
        kept = {name: value for name, value in self._options.items() if name not in options}
        return {**kept, **visible}, self._secrets.without(options) | secrets


_RECORDED: Any = object()
"""The memory of a run that is told again: what it gave stands in the log."""


def _as_recorded(call: Mapping[str, Any], history: History) -> dict[str, Any]:
    """Return the settings of the recorded call, with those given now in their place."""
    given = history.input
    recorded: dict[str, Any] = {**given.settings, "options": given.options, "limits": given.limits}
    if history.completed and history.has("recall"):
        recorded["memory"] = _RECORDED
    return {**recorded, **call}


def _system_messages(prompt: str | SystemMessage | DeveloperMessage) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return to_messages(SystemMessage(prompt)) if prompt else ()
    if isinstance(prompt, SystemMessage | DeveloperMessage):
        return to_messages(prompt)
    raise UsageError(f"the system prompt is a string, lmb.system(…) or lmb.developer(…), not {type(prompt).__name__}")
