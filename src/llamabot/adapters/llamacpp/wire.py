"""The words of llama.cpp's chat completions: a request into them, an answer out of them.

Pure translation, no I/O and no colour. The runtime is always asked for a stream, because only a stream can be stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from llamabot.adapters.llamacpp.tools import Contract, ToolAnswer, call_text, contract_of
from llamabot.ports.assembly import mend_text
from llamabot.ports.completion import CompletionChunk, CompletionRequest, FinishReason, Usage
from llamabot.ports.errors import BadCompletion, CompletionError, ContextTooLong, ProviderUnavailable, RequestRejected
from llamabot.ports.messages import (
    AssistantMessage,
    DeveloperMessage,
    Image,
    Message,
    SystemMessage,
    ToolMessage,
)

__all__ = ["AnswerReader", "Question", "counting_question", "error_from", "question_of", "tokens_counted"]

# What the model's authors advise for talk; an answer that must fit a schema is taken greedily.
_TALK: Mapping[str, Any] = {"temperature": 0.2, "top_p": 0.9}
_GREEDY: Mapping[str, Any] = {"temperature": 0.0}
_OPTIONS = frozenset(
    {
        *("dry_multiplier", "frequency_penalty", "logit_bias", "min_p", "presence_penalty", "repeat_last_n"),
        *("repeat_penalty", "seed", "stop", "top_k", "top_p", "typical_p"),
    }
)
# What is set up once for the providers that are reached over a network says nothing to a model that is not.
_OF_THE_NETWORK = frozenset(
    {
        *("api_base", "api_version", "base_url", "default_headers", "extra_headers", "max_retries"),
        *("num_retries", "organization"),
    }
)


class Question(msgspec.Struct, frozen=True):
    """A request in the runtime's words, and what its answer is held to."""

    body: bytes
    contract: Contract | None


def question_of(request: CompletionRequest, *, answer_tokens: int) -> Question:
    """Translate a request.

    Args:
        request: its model is not looked at.
        answer_tokens: most tokens to generate where the request does not say.

    Raises:
        RequestRejected: it holds a picture, an option that the runtime does not have, or a schema that nothing fits.
    """
    contract = contract_of(request)
    body = {
        **(_GREEDY if contract else _TALK),
        **_checked_options(request.options),
        "messages": list(_with_note(_turns(request.messages), contract)),
        "max_tokens": answer_tokens if request.max_tokens is None else request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        # A sign of life after every batch of the prompt is a chance to stop it.
        "return_progress": True,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if contract:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": contract.schema}}
    return Question(_encoded(body), contract)


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestRejected(f"the request cannot be written as JSON: {error}") from error


def _checked_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(options.keys() - _OPTIONS - _OF_THE_NETWORK)
    if unknown:
        raise RequestRejected(
            f"the embedded model has no option {', '.join(map(repr, unknown))}; it takes {', '.join(sorted(_OPTIONS))}"
        )
    return {name: value for name, value in options.items() if name in _OPTIONS}


def _turns(messages: Iterable[Message]) -> Iterator[dict[str, str]]:
    names: dict[str, str] = {}
    for message in messages:
        match message:
            case SystemMessage() | DeveloperMessage():
                yield _turn("system", _text(message))
            case AssistantMessage():
                names |= {call.id: call.name for call in message.tool_calls}
                yield _turn("assistant", _said(message))
            case ToolMessage():
                # The template of a small model knows no tool; the user's authority is all that a result gets.
                name = names.get(message.call_id, "the tool")
                yield _turn("user", f"{'Error' if message.is_error else 'Result'} of {name}: {_text(message)}")
            case _:
                yield _turn("user", _text(message))


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": _plain(content)}


def _plain(text: str) -> str:
    # What reads like the template's marks would end its turn and speak with another's authority.
    return mend_text(text).replace("<|", "< |")


def _text(message: Message) -> str:
    if any(isinstance(part, Image) for part in message.content):
        raise RequestRejected("the embedded model takes text only; send pictures to a model that sees")
    return message.text


def _said(message: AssistantMessage) -> str:
    calls = [call_text(call.name, call.arguments) for call in message.tool_calls]
    return "\n".join(filter(None, [_text(message), *calls]))


def _with_note(turns: Iterable[dict[str, str]], contract: Contract | None) -> Iterator[dict[str, str]]:
    """Yield the turns, the note at the end of the first system turn."""
    rest = iter(turns)
    if contract:
        first = next(rest, None)
        told = [first["content"]] if first and first["role"] == "system" else []
        yield {"role": "system", "content": "\n\n".join([*filter(None, told), contract.note])}
        if first and not told:
            yield first
    yield from rest


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details = msgspec.field(default_factory=_Details)


class _Error(msgspec.Struct):
    message: str = "no reason given"
    type: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Event(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: _Error | None = None


_EVENTS = msgspec.json.Decoder(_Event)
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


class AnswerReader:
    """Turns what the runtime says into chunks; belongs to one call."""

    def __init__(self, question: Question) -> None:
        contract = question.contract
        self._tools = ToolAnswer(contract.respond, question.body) if contract and contract.respond else None

    def read(self, event: bytes) -> CompletionChunk | None:
        """Return the chunk that an event is, None for one without news.

        Raises:
            CompletionError: the event is an error, or no event at all.
        """
        said = _decoded(event)
        if said.error is not None:
            raise _refusal(said.error)
        if said.usage is not None:
            return CompletionChunk(usage=_usage(said.usage), cost_usd=0.0)
        return self._chunk(said.choices[0]) if said.choices else None

    def _chunk(self, choice: _Choice) -> CompletionChunk | None:
        reason = _REASONS.get(choice.finish_reason, FinishReason.OTHER) if choice.finish_reason else None
        chunk = CompletionChunk(choice.delta.content or "", choice.delta.reasoning_content or "", finish_reason=reason)
        if self._tools:
            chunk = _with_calls(chunk, self._tools)
        return chunk if chunk != _NO_NEWS else None


_NO_NEWS = CompletionChunk()


def _with_calls(chunk: CompletionChunk, tools: ToolAnswer) -> CompletionChunk:
    """Return the chunk with the text in it read as what it says: words, or pieces of a call."""
    text, calls = tools.feed(chunk.text)
    reason = chunk.finish_reason
    if reason:
        held, late = tools.end(whole=reason is FinishReason.STOP)
        text, calls = text + held, calls + late
        reason = FinishReason.TOOL_CALLS if tools.is_call and reason is FinishReason.STOP else reason
    return msgspec.structs.replace(chunk, text=text, tool_calls=calls, finish_reason=reason)


def _usage(usage: _Usage) -> Usage:
    return Usage(usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens)


def _decoded(event: bytes) -> _Event:
    try:
        return _EVENTS.decode(event)
    except msgspec.MsgspecError as error:
        raise BadCompletion(f"the embedded model's runtime said something else than an answer: {error}") from error


def _refusal(error: _Error) -> CompletionError:
    match error.type:
        case "exceed_context_size_error":
            return ContextTooLong(
                f"the request has {error.n_prompt_tokens:,} tokens and {error.n_ctx:,} fit, the answer included; "
                "shorten it, or make the context larger (context_tokens)"
            )
        case "invalid_request_error" | "not_supported_error":
            return RequestRejected(f"the embedded model refuses the request: {error.message}")
        case _:
            return ProviderUnavailable(f"the embedded model failed: {error.message}")


def error_from(error: Exception) -> CompletionError:
    """Return what an exception of the runtime's means: it raises what it cannot make a prompt or a grammar of."""
    return RequestRejected(f"the embedded model refuses the request: {error}")


def counting_question(text: str, context_tokens: int) -> bytes:
    """Return a prompt that the runtime refuses, with the number of its tokens.

    It counts only what is too long for it: so the text comes behind as many tokens as the context holds.
    """
    prompt: list[int | str] = [0] * context_tokens
    return msgspec.json.encode({"prompt": [*prompt, _plain(text)], "max_tokens": 1, "stream": True})


def tokens_counted(refusal: object, context_tokens: int) -> int:
    """Return how many tokens the text of a `counting_question` is."""
    error = _decoded(refusal).error if isinstance(refusal, bytes) else None
    if error is None or not error.n_prompt_tokens:
        raise BadCompletion("the embedded model's runtime did not count the tokens")
    return error.n_prompt_tokens - context_tokens
