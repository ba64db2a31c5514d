"""What all bots share: their settings, how a call begins, and the two shells around one core.

A bot is immutable and holds no state of a call, so one bot serves any number of threads and tasks. What a subclass
adds is `_core`: a generator of effects, written once for both colours.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypedDict, TypeVar, Unpack

import msgspec

from llamabot.domain.arguments import check_kinds, check_tags, refuse_unknown, shows
from llamabot.domain.drivers import adrive, adrive_stream, drive, drive_stream
from llamabot.domain.effects import Core
from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.domain.messages import MessageLike, to_messages
from llamabot.domain.operations import Steps
from llamabot.domain.resolve import Colour, check_colours, resolve_world
from llamabot.domain.result import Answer, Result
from llamabot.domain.run import Run
from llamabot.domain.streams import AsyncEventStream, EventStream
from llamabot.domain.world import AnyCompletion, AnyMemory, World
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.errors import ConfigurationError, UsageError
from llamabot.ports.ids import IdPort
from llamabot.ports.messages import DeveloperMessage, Message, SystemMessage
from llamabot.ports.recorder import RecorderPort
from llamabot.ports.secrets import NO_SECRETS, Secrets, split_secrets

__all__ = ["AsyncShell", "Bot", "BotSettings", "Call", "CallSettings", "SyncShell"]

T = TypeVar("T")
_TIMEOUT_S = 600.0


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
    """

    memory: AnyMemory | None
    limits: Limits
    options: Mapping[str, Any]
    tags: Mapping[str, str]


class Call(msgspec.Struct, frozen=True):
    """What a core is told of its call.

    Attributes:
        inputs: what the user says, at least one message.
        request: all of the request but its messages.
        has_memory: whether `Recall` and `Remember` are there to be used.
    """

    inputs: tuple[Message, ...]
    request: CompletionRequest
    has_memory: bool


class Bot(Generic[T]):
    """A system prompt and settings; subclasses add the core, shells add the colour."""

    _colour: ClassVar[Colour]
    _settings_type: ClassVar[type[Any]] = BotSettings
    _parameters: ClassVar[tuple[str, ...]] = ("system_prompt",)

    @shows(BotSettings)
    def __init__(
        self, system_prompt: str | SystemMessage | DeveloperMessage = "", **settings: Unpack[BotSettings]
    ) -> None:
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
        shown = "".join(f", {name}={value!r}" for name, value in self._settings.items())
        options = f", options={dict(self._options)!r}" if self._options else ""
        return f"{type(self).__name__}({prompt!r}{shown}{options})"

    def _core(self, call: Call) -> Core[Answer[T]]:
        """Do the bot's work, as effects. No colour, no I/O, no state outside of the generator."""
        raise NotImplementedError

    def _changed(self, changes: Mapping[str, Any]) -> Self:
        self._refuse_unknown(".with_", changes)
        changed = copy.copy(self)
        changed._set(changes)  # noqa: SLF001 - it is one of us
        return changed

    def _set(self, changes: Mapping[str, Any]) -> None:
        check_kinds(changes)
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
        if not call.keys() <= _CALL_NAMES:
            refuse_unknown("a call of a bot", call, _CALL_NAMES, self._settings_type.__annotations__)
        check_kinds(call)
        messages = to_messages(*inputs)
        if not messages:
            raise UsageError("nothing was asked: give the bot at least one string or message")
        check_tags(call.get("tags"))
        settings = self._settings
        options, secrets = self._call_options(call.get("options"))
        memory = call["memory"] if "memory" in call else settings.get("memory")
        world, model = resolve_world(self._colour, settings, memory, secrets)
        request = msgspec.structs.replace(self._request, model=model, options=options)
        run = Run(
            world,
            bot=settings.get("name") or type(self).__name__,
            model=model or None,
            limits=call.get("limits") or settings.get("limits") or NO_LIMITS,
            tags=call.get("tags"),
            secrets=secrets,
        )
        return run.steps(self._core(Call(messages, request, world.memory is not None))), world

    def _call_options(self, options: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], Secrets]:
        if not options:
            return self._options, self._secrets
        visible, secrets = split_secrets(options)
        kept = {name: value for name, value in self._options.items() if name not in options}
        return {**kept, **visible}, self._secrets.without(options) | secrets


class SyncShell(Bot[T]):
    """Calls that block. They work in a running event loop too."""

    _colour = Colour.SYNC

    @shows(CallSettings)
    def __call__(self, *inputs: MessageLike, **call: Unpack[CallSettings]) -> T:
        """Return the answer: `run(…).value`."""
        return drive(*self._begin(inputs, call)).value

    @shows(CallSettings)
    def run(self, *inputs: MessageLike, **call: Unpack[CallSettings]) -> Result[T]:
        """Return the answer with its transcript, usage, cost and the run's id.

        Args:
            inputs: strings, images, messages, and lists of them.
            call: settings for this call alone.
        """
        return drive(*self._begin(inputs, call))

    @shows(CallSettings)
    def stream(self, *inputs: MessageLike, **call: Unpack[CallSettings]) -> EventStream[T]:
        """Return the run as events, for a `with` block; leaving it early stops the provider."""
        return EventStream(drive_stream(*self._begin(inputs, call)))


class AsyncShell(Bot[T]):
    """Calls that are awaited. One bot serves any number of event loops."""

    _colour = Colour.ASYNC

    @shows(CallSettings)
    async def __call__(self, *inputs: MessageLike, **call: Unpack[CallSettings]) -> T:
        """Return the answer: `(await run(…)).value`."""
        return (await adrive(*self._begin(inputs, call))).value

    @shows(CallSettings)
    async def run(self, *inputs: MessageLike, **call: Unpack[CallSettings]) -> Result[T]:
        """Return the answer with its transcript, usage, cost and the run's id."""
        return await adrive(*self._begin(inputs, call))

    @shows(CallSettings)
    def stream(self, *inputs: MessageLike, **call: Unpack[CallSettings]) -> AsyncEventStream[T]:
        """Return the run as events, for an `async with` block; leaving it early stops the provider."""
        return AsyncEventStream(adrive_stream(*self._begin(inputs, call)))


_CALL_NAMES = CallSettings.__annotations__.keys()


def _system_messages(prompt: str | SystemMessage | DeveloperMessage) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return to_messages(SystemMessage(prompt)) if prompt else ()
    if isinstance(prompt, SystemMessage | DeveloperMessage):
        return to_messages(prompt)
    raise UsageError(f"the system prompt is a string, lmb.system(…) or lmb.developer(…), not {type(prompt).__name__}")
