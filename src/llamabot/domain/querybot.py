"""`QueryBot`: an answer from documents, which says where it is from."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from llamabot.domain.answer import Answer, answer_from
from llamabot.domain.arguments import check_kinds, check_where, shows
from llamabot.domain.asking import ask, recall, remember
from llamabot.domain.bot import Bot
from llamabot.domain.call import Call, Setup
from llamabot.domain.consulting import posed, question_in, relevant, standalone
from llamabot.domain.drivers import adrive, adrive_rest, adrive_stream, drive, drive_rest, drive_stream
from llamabot.domain.effects import Core, Emit, Retrieve, Say
from llamabot.domain.messages import MessageLike
from llamabot.domain.operations import Steps
from llamabot.domain.resolve import check_docstore
from llamabot.domain.result import Conclusion, Result, Retrieved, TextDelta
from llamabot.domain.retrieval import check_store
from llamabot.domain.settings import BotSettings, CallSettings, MapSettings, ResumeSettings
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.domain.streams import AsyncEventStream, EventStream
from llamabot.domain.world import AnyDocStore, World
from llamabot.ports.completion import FinishReason
from llamabot.ports.documents import Metadata
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import AssistantMessage, DeveloperMessage, Message, SystemMessage
from llamabot.ports.provider import overrides

if TYPE_CHECKING:
    from llamabot.domain.mapping.items import AsyncMapItems, MapItems

__all__ = [
    "AsyncQueryBot",
    "QueryBot",
    "QueryCallSettings",
    "QueryMapSettings",
    "QueryResumeSettings",
    "QuerySettings",
]

_K = 8
_CONTEXT_TOKENS = 3000
_NOT_FOUND = "I found nothing about this in the documents."


class QuerySettings(BotSettings, total=False):
    """The keyword arguments of a `QueryBot`.

    Attributes:
        docstore: what the answers are from.
        k: most passages to look for; 8 by default.
        where: only documents whose metadata has all of these.
        context_tokens: room for the passages; 3,000 by default. Whole passages are sent, the closest first, as many as
            fit; if the closest alone is too long, its beginning. Tokens are estimated: one for each three bytes.
        min_score: of a passage that is sent; None is the store's own, where it can tell.
        not_found: the answer where no passage is good enough; then the model is not asked.
    """

    docstore: AnyDocStore | None
    k: int
    where: Metadata | None
    context_tokens: int
    min_score: float | None
    not_found: str


class PassageSettings(TypedDict, total=False):
    """Which passages a call looks for and sends.

    Attributes:
        docstore: instead of the bot's.
        k: instead of the bot's.
        where: instead of the bot's; None for all documents.
        context_tokens: instead of the bot's.
        min_score: instead of the bot's.
    """

    docstore: AnyDocStore | None
    k: int
    where: Metadata | None
    context_tokens: int
    min_score: float | None


class QueryCallSettings(CallSettings, PassageSettings, total=False):
    """The keyword arguments of one call of a `QueryBot`."""


class QueryMapSettings(MapSettings, PassageSettings, total=False):
    """The keyword arguments of `map` of a `QueryBot`."""


class QueryResumeSettings(ResumeSettings, total=False):
    """The keyword arguments of `resume` of a `QueryBot`.

    Attributes:
        docstore: as in a call.
    """

    docstore: AnyDocStore | None


class QueryBody(Bot[Answer]):
    """Recall, make the question stand alone, search, ask with the passages, remember question and answer."""

    _settings_type = QuerySettings
    _call_type = QueryCallSettings
    _resume_type = QueryResumeSettings
    _map_type = QueryMapSettings
    _recorded = ("k", "where", "context_tokens", "min_score")

    @shows(QuerySettings, BotSettings)
    def __init__(
        self, system_prompt: str | SystemMessage | DeveloperMessage = "", **settings: Unpack[QuerySettings]
    ) -> None:
        super().__init__(system_prompt)
        self._refuse_unknown("", settings, self._parameters)
        self._set(settings)

    def with_(self, **changes: Unpack[QuerySettings]) -> Self:
        """Return a copy with other settings."""
        return self._changed(changes)

    def _set(self, changes: Mapping[str, Any]) -> None:
        _check(changes)
        if changes.get("where") is not None:
            changes = {**changes, "where": dict(changes["where"])}  # what the caller does with it later is not ours
        super()._set(changes)
        check_docstore(self._colour, self._settings.get("docstore"))

    def _docstore(self, call: Mapping[str, Any]) -> AnyDocStore | None:
        given = call["docstore"] if "docstore" in call else self._settings.get("docstore")
        docstore: AnyDocStore | None = overrides().get("docstore", given)
        check_docstore(self._colour, docstore)
        return docstore

    def _set_up(self, call: Mapping[str, Any], *others: Any, **more: Any) -> Setup:
        _check(call)
        return super()._set_up(call, *others, **more)

    def _new_run(
        self, setup: Setup, messages: tuple[Message, ...], call: Mapping[str, Any], run_id: str | None = None
    ) -> tuple[Steps[Result[Answer]], World]:
        check_store(setup.world.docstore)
        return super()._new_run(setup, messages, call, run_id)

    def _core(self, call: Call) -> Core[Conclusion[Answer]]:
        settings = {**self._settings, **call.settings}
        asked = question_in(call.inputs)
        history = yield from recall(call)
        question = yield from standalone(call.request, history, asked)
        found = yield from Retrieve(question, settings.get("k", _K), settings.get("where"))
        sources = relevant(found, settings.get("min_score"), settings.get("context_tokens", _CONTEXT_TOKENS))
        yield from Emit(Retrieved(sources))
        before = (*self._system, *history)
        if not sources:
            return (yield from self._not_found(call, (*before, *call.inputs)))
        messages = (*before, *posed(call.inputs, sources, found))
        completion = yield from ask(call.request, messages)
        message = completion.message
        yield from remember(call, message)
        last = call.inputs[-1]
        answer = answer_from(message.text, sources, last.text if isinstance(last, AssistantMessage) else "")
        return Conclusion(answer, message.text, (*messages, message), completion.finish_reason)

    def _not_found(self, call: Call, messages: tuple[Message, ...]) -> Core[Conclusion[Answer]]:
        """Say so, and do not ask the model, which would have to make it up."""
        text = self._settings.get("not_found", _NOT_FOUND)
        message = AssistantMessage(text)
        if text:
            yield from Emit(TextDelta(text))
        yield from Say((*messages, message))
        yield from remember(call, message)
        return Conclusion(Answer(text), text, (*messages, message), FinishReason.STOP)


class QueryBot(QueryBody, SyncShell[Answer]):
    """A bot that answers from documents: `bot("…")` is an `Answer`, with its sources and what it cites of them."""

    @shows(QueryCallSettings, PassageSettings, CallSettings)
    def __call__(self, *inputs: MessageLike, **call: Unpack[QueryCallSettings]) -> Answer:
        """Return the answer: `run(…).value`."""
        return drive(*self._begin(inputs, call)).value

    @shows(QueryCallSettings, PassageSettings, CallSettings)
    def run(self, *inputs: MessageLike, **call: Unpack[QueryCallSettings]) -> Result[Answer]:
        """Return the answer with its transcript, usage, cost and the run's id."""
        return drive(*self._begin(inputs, call))

    @shows(QueryCallSettings, PassageSettings, CallSettings)
    def stream(self, *inputs: MessageLike, **call: Unpack[QueryCallSettings]) -> EventStream[Answer]:
        """Return the run as events, `Retrieved` before the first text; leaving early stops the provider."""
        return EventStream(drive_stream(*self._begin(inputs, call)))

    @shows(QueryMapSettings, PassageSettings, MapSettings)
    def map(self, inputs: Iterable[Any], **settings: Unpack[QueryMapSettings]) -> MapItems[Answer]:
        """Return an item for each input, with its answer or its error; several are worked on at once, on threads."""
        from llamabot.domain.mapping.items import MapItems
        from llamabot.domain.mapping.plan import Plan

        return MapItems(Plan(self, inputs, settings), inputs)

    @shows(QueryResumeSettings, ResumeSettings)
    def resume(self, run_id: str, **call: Unpack[QueryResumeSettings]) -> Result[Answer]:
        """Go on with a run; what was found and answered is read from the log."""
        return drive(*drive(self._resumption(run_id, call), _NO_WORLD))

    @shows(QueryResumeSettings, ResumeSettings)
    def resume_stream(self, run_id: str, **call: Unpack[QueryResumeSettings]) -> EventStream[Answer]:
        """Return the rest of a run as events; the passages that were found are told once more."""
        return EventStream(drive_rest(self._resumption(run_id, call)))


class AsyncQueryBot(QueryBody, AsyncShell[Answer]):
    """As `QueryBot`, awaited. A store that is only sync is searched in a thread."""

    @shows(QueryCallSettings, PassageSettings, CallSettings)
    async def __call__(self, *inputs: MessageLike, **call: Unpack[QueryCallSettings]) -> Answer:
        """Return the answer: `(await run(…)).value`."""
        return (await adrive(*self._begin(inputs, call))).value

    @shows(QueryCallSettings, PassageSettings, CallSettings)
    async def run(self, *inputs: MessageLike, **call: Unpack[QueryCallSettings]) -> Result[Answer]:
        """Return the answer with its transcript, usage, cost and the run's id."""
        return await adrive(*self._begin(inputs, call))

    @shows(QueryCallSettings, PassageSettings, CallSettings)
    def stream(self, *inputs: MessageLike, **call: Unpack[QueryCallSettings]) -> AsyncEventStream[Answer]:
        """Return the run as events, `Retrieved` before the first text; leaving early stops the provider."""
        return AsyncEventStream(adrive_stream(*self._begin(inputs, call)))

    @shows(QueryMapSettings, PassageSettings, MapSettings)
    def map(
        self, inputs: Iterable[Any] | AsyncIterable[Any], **settings: Unpack[QueryMapSettings]
    ) -> AsyncMapItems[Answer]:
        """Return an item for each input, with its answer or its error; several are worked on at once, as tasks."""
        from llamabot.domain.mapping.items import AsyncMapItems
        from llamabot.domain.mapping.plan import Plan

        return AsyncMapItems(Plan(self, inputs, settings), inputs)

    @shows(QueryResumeSettings, ResumeSettings)
    async def resume(self, run_id: str, **call: Unpack[QueryResumeSettings]) -> Result[Answer]:
        """Go on with a run; what was found and answered is read from the log."""
        return await adrive(*await adrive(self._resumption(run_id, call), _NO_WORLD))

    @shows(QueryResumeSettings, ResumeSettings)
    def resume_stream(self, run_id: str, **call: Unpack[QueryResumeSettings]) -> AsyncEventStream[Answer]:
        """Return the rest of a run as events; the passages that were found are told once more."""
        return AsyncEventStream(adrive_rest(self._resumption(run_id, call)))


_NO_WORLD: Any = None


def _check(settings: Mapping[str, Any]) -> None:
    """Raise `ConfigurationError` for settings that lead to nothing."""
    check_kinds({name: value for name, value in settings.items() if name in QuerySettings.__annotations__})
    for name in ("k", "context_tokens"):
        value = settings.get(name, 1)
        if value is None or value < 1:
            raise ConfigurationError(f"{name}={value!r}: it is a whole number from 1 on")
    check_where(settings.get("where"))
