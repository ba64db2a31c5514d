"""The two shells around one core: what blocks, and what is awaited."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from llamabot.domain.arguments import shows
from llamabot.domain.as_tool import child_id, described, told
from llamabot.domain.bot import Bot
from llamabot.domain.drivers import adrive, adrive_rest, adrive_stream, drive, drive_rest, drive_stream
from llamabot.domain.messages import MessageLike, to_messages
from llamabot.domain.resolve import Colour
from llamabot.domain.result import Result
from llamabot.domain.settings import CallSettings, MapSettings, ResumeSettings
from llamabot.domain.streams import AsyncEventStream, EventStream
from llamabot.ports.tools import RunContext

if TYPE_CHECKING:
    from llamabot.domain.mapping.items import AsyncMapItems, MapItems

__all__ = ["AsyncShell", "SyncShell"]

T = TypeVar("T")
_NO_WORLD: Any = None
"""Of steps that perform no effect."""


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

    @shows(MapSettings)
    def map(self, inputs: Iterable[Any], **settings: Unpack[MapSettings]) -> MapItems[T]:
        """Return an item for each input, with its value or its error; several are worked on at once, on threads.

        Inputs are drawn on the caller's thread and only as fast as items are taken, at most four times `concurrency`
        ahead of them. What their generator raises is raised when all that was begun has been yielded. A memory is not
        used. In a `with` block nothing is left behind.

        Args:
            inputs: each what a call takes, or what `prompt` makes that of.
            settings: of the map, and of each call.

        Raises:
            UsageError: a setting is not what it should be; later, the job is at work elsewhere (`RunBusy`).
            ConfigurationError: the bot cannot be called, or its log not be resumed.
        """
        from llamabot.domain.mapping.items import MapItems
        from llamabot.domain.mapping.plan import Plan

        return MapItems(Plan(self, inputs, settings), inputs)

    @shows(ResumeSettings)
    def resume(self, run_id: str, **call: Unpack[ResumeSettings]) -> Result[T]:
        """Go on with a run that was paused, limited, cancelled, that failed or whose process died.

        What finished is read from the log, neither paid nor done again. A completed run is told from its log.

        Args:
            run_id: as the error, the result or `recorder.runs()` names it.
            call: settings for this call alone.

        Raises:
            ReplayDiverged: the bot asks now what it did not ask then.
            RunBusy: the run is in somebody's hand.
            UsageError: there is no such run, or a decision is about a call that it does not wait for.
        """
        return drive(*drive(self._resumption(run_id, call), _NO_WORLD))

    @shows(ResumeSettings)
    def resume_stream(self, run_id: str, **call: Unpack[ResumeSettings]) -> EventStream[T]:
        """Return the rest of a run as events; of what is read from the log, only decisions are told once more."""
        return EventStream(drive_rest(self._resumption(run_id, call)))

    def replay(self, recording: str | PathLike[str]) -> Result[T]:
        """Go through a recorded run again, from its log alone: no port is touched, nothing is recorded.

        Args:
            recording: a run's id, or the path of a file that `recorder.export` wrote, which ends in `.json`.

        Raises:
            ReplayDiverged: the bot asks now what it did not ask then.
            LlamabotError: what the recorded run ended with.
        """
        return drive(*drive(self._replay(recording), _NO_WORLD))

    def as_tool(self, name: str | None = None, description: str | None = None) -> Callable[..., Any]:
        """Return a function that asks this bot, for the `tools=` of another; its runs are inside of the other's.

        A crash of the other bot does not ask again what was answered: its run goes on, and so does the one inside.

        Args:
            name: of the tool; by default the bot's own.
            description: tells the model when to use it; by default the bot's system prompt.
        """

        def ask(question: str, context: RunContext[Any]) -> Any:
            begun = self._run_inside(child_id(context, question), to_messages(question))
            return told(drive(*drive(begun, _NO_WORLD)))

        return described(ask, self, name, description)


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

    @shows(MapSettings)
    def map(self, inputs: Iterable[Any] | AsyncIterable[Any], **settings: Unpack[MapSettings]) -> AsyncMapItems[T]:
        """Return an item for each input, with its value or its error; several are worked on at once, as tasks.

        Inputs that come from an async iterable are waited for beside the work, so an item does not wait for the next
        input. Leaving early, or cancelling who asks for an item, cancels what is at work.
        """
        from llamabot.domain.mapping.items import AsyncMapItems
        from llamabot.domain.mapping.plan import Plan

        return AsyncMapItems(Plan(self, inputs, settings), inputs)

    @shows(ResumeSettings)
    async def resume(self, run_id: str, **call: Unpack[ResumeSettings]) -> Result[T]:
        """Go on with a run that was paused, limited, cancelled, that failed or whose process died."""
        return await adrive(*await adrive(self._resumption(run_id, call), _NO_WORLD))

    @shows(ResumeSettings)
    def resume_stream(self, run_id: str, **call: Unpack[ResumeSettings]) -> AsyncEventStream[T]:
        """Return the rest of a run as events; of what is read from the log, only decisions are told once more."""
        return AsyncEventStream(adrive_rest(self._resumption(run_id, call)))

    async def replay(self, recording: str | PathLike[str]) -> Result[T]:
        """Go through a recorded run again, from its log alone: no port is touched, nothing is recorded."""
        return await adrive(*await adrive(self._replay(recording), _NO_WORLD))

    def as_tool(self, name: str | None = None, description: str | None = None) -> Callable[..., Any]:
        """Return an async function that asks this bot, for the `tools=` of another of either colour."""

        async def ask(question: str, context: RunContext[Any]) -> Any:
            begun = self._run_inside(child_id(context, question), to_messages(question))
            return told(await adrive(*await adrive(begun, _NO_WORLD)))

        return described(ask, self, name, description)
