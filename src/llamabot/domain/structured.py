"""`StructuredBot`: an answer that is an object of a type, or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar, Unpack, get_args

import msgspec

from llamabot.domain.arguments import shows
from llamabot.domain.asking import ask, recall, remember
from llamabot.domain.bot import Bot
from llamabot.domain.call import Call
from llamabot.domain.effects import Core, DescribeModel, Emit
from llamabot.domain.output import Output, OutputRejected, output_of
from llamabot.domain.result import AttemptRejected, Conclusion
from llamabot.domain.settings import BotSettings
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason
from llamabot.ports.errors import AnswerNotParsed, Attempt, ConfigurationError
from llamabot.ports.messages import DeveloperMessage, Message, SystemMessage, UserMessage

__all__ = ["AsyncStructuredBot", "StructuredBot", "StructuredSettings"]

T = TypeVar("T")

_SCHEMA_PROMPT = "Answer with JSON only: one value that fits this JSON schema, and nothing around it.\n{schema}"
_AGAIN_PROMPT = "This answer was not accepted: {error}\nAnswer again, with the corrected JSON only."
_MAX_ATTEMPTS = 3
_CUT = "; the answer was cut off because it reached its greatest length"


class StructuredSettings(BotSettings, total=False):
    """The keyword arguments of a `StructuredBot` that `with_` may change.

    Attributes:
        max_attempts: completions to spend on one answer; 3 by default.
    """

    max_attempts: int


class StructuredBody(Bot[T], Generic[T]):
    """Ask for JSON that fits a type; show the model what was wrong and ask again."""

    _settings_type = StructuredSettings
    _parameters = ("system_prompt", "output")

    @shows(StructuredSettings, BotSettings)
    def __init__(
        self,
        system_prompt: str | SystemMessage | DeveloperMessage = "",
        *,
        output: type[T] | Output[T] | None = None,
        **settings: Unpack[StructuredSettings],
    ) -> None:
        """Make a bot; a type that has no JSON schema is refused now."""
        self._type: Any = None
        if output is not None:
            output_of(output)  # refuses now what could only fail later
            self._type = output
        super().__init__(system_prompt)
        self._refuse_unknown("", settings, self._parameters)
        self._set(settings)

    def with_(self, **changes: Unpack[StructuredSettings]) -> Self:
        """Return a copy with other settings."""
        return self._changed(changes)

    def _set(self, changes: Mapping[str, Any]) -> None:
        super()._set(changes)
        if (self._settings.get("max_attempts", _MAX_ATTEMPTS) or 0) < 1:
            raise ConfigurationError("max_attempts counts completions: it is at least 1")

    def _shown(self) -> dict[str, Any]:
        return {"output": self._output_type(), **super()._shown()}

    def _core(self, call: Call) -> Core[Conclusion[T]]:
        output: Output[T] = self._output()
        history = yield from recall(call)
        capabilities = yield from DescribeModel(call.request.model)
        request, system = _with_schema(call.request, self._system, output, native=bool(capabilities.output_schema))
        messages = (*system, *history, *call.inputs)
        attempts: list[Attempt] = []
        while True:
            completion = yield from ask(request, messages)
            try:
                value = output.decode(completion.message.text)
            except OutputRejected as rejected:
                error = str(rejected) + (_CUT if completion.finish_reason is FinishReason.LENGTH else "")
            else:
                yield from remember(call, completion.message)
                message = completion.message
                return Conclusion(value, message.text, (*messages, message), completion.finish_reason)
            attempts.append(Attempt(completion.message.text, error))
            yield from Emit(AttemptRejected(error))
            if len(attempts) >= self._settings.get("max_attempts", _MAX_ATTEMPTS):
                raise _not_parsed(output, attempts)
            messages = (*messages, *_again(completion, error))

    def _output(self) -> Output[T]:
        type_ = self._output_type()
        if type_ is None:
            raise ConfigurationError(
                "no output type: use StructuredBot(…, output=Person), or StructuredBot[Literal['a', 'b']](…)"
            )
        return output_of(type_)

    def _output_type(self) -> Any:
        if self._type is not None:
            return self._type
        # typing puts the parameter of StructuredBot[X](…) on the object after it is made
        return next(iter(get_args(getattr(self, "__orig_class__", None))), None)


class StructuredBot(StructuredBody[T], SyncShell[T]):
    """A bot whose answer is an object: `StructuredBot("Extract.", output=Person)("John is 25")`.

    The type is a msgspec Struct, a dataclass, a TypedDict, a pydantic model, a list or a dict, a Literal, an enum or a
    scalar. Forms that `type[T]` cannot carry are written `StructuredBot[Literal["a", "b"]](…)`.
    """


class AsyncStructuredBot(StructuredBody[T], AsyncShell[T]):
    """As `StructuredBot`, awaited."""


def _with_schema(
    request: CompletionRequest, system: tuple[Message, ...], output: Output[Any], *, native: bool
) -> tuple[CompletionRequest, tuple[Message, ...]]:
    """Put the schema where the model takes it: in the request, or in words."""
    if native:
        return msgspec.structs.replace(request, output=output.schema), system
    words = _SCHEMA_PROMPT.format(schema=msgspec.json.encode(output.schema.schema).decode())
    if not system:
        return request, (SystemMessage(words),)
    first, *rest = system
    return request, (msgspec.structs.replace(first, content=f"{first.text}\n\n{words}"), *rest)


def _again(completion: Completion, error: str) -> tuple[Message, ...]:
    """Return what the model is told of its answer; calls in it, which nobody answers, a provider would refuse."""
    request = UserMessage(_AGAIN_PROMPT.format(error=error))
    answer = msgspec.structs.replace(completion.message, tool_calls=())
    return (answer, request) if answer.text else (request,)


def _not_parsed(output: Output[Any], attempts: list[Attempt]) -> AnswerNotParsed:
    return AnswerNotParsed(
        f"no answer fitted {output.schema.name} in {len(attempts)} attempts; the last error: {attempts[-1].error}. "
        "All are in .attempts; a larger model, a simpler type or a higher max_attempts may mend it",
        attempts=tuple(attempts),
    )
