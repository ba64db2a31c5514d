"""A whole answer of the chat-completions wire, as our value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from llamabot.ports.assembly import mend_completion
from llamabot.ports.completion import Completion, FinishReason
from llamabot.ports.errors import BadCompletion
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall
from llamabot.protocols.chat_completions.fields import (
    CALL_KNOWN,
    NO_COMPLETION,
    ProviderFailed,
    cost_in,
    decoded,
    finish_reason,
    model_in,
    own_fields,
    refusal_in,
    text_in,
    told_in,
    usage_in,
)
from llamabot.protocols.chat_completions.requests import CALL_FIELDS

__all__ = ["arguments_in", "call_fields", "completion_in"]


class _Choice(msgspec.Struct):
    message: dict[str, Any] | None = None
    finish_reason: Any = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    model: Any = None
    error: Any = None


_ANSWERS = msgspec.json.Decoder(_Answer)


def completion_in(body: bytes) -> Completion:
    """Return the completion that the body of an answer is.

    Raises:
        BadCompletion: it is none.
        ProviderFailed: it is an error.
    """
    answer = decoded(body, _ANSWERS, _Answer)
    if answer.error:
        raise ProviderFailed(told_in(answer.error))
    if not answer.choices:
        raise BadCompletion("the provider's answer has no choices")
    choice = answer.choices[0]
    if choice.message is None:
        raise BadCompletion(f"{NO_COMPLETION}: its choice has no message")
    message = _message(choice.message)
    reason = finish_reason(choice.finish_reason)
    if reason is FinishReason.STOP and message.tool_calls:
        # Some servers do not say it.
        reason = FinishReason.TOOL_CALLS
    usage = usage_in(answer.usage)
    cost = cost_in(answer.usage) if usage else None
    return mend_completion(Completion(message, reason, usage, cost, model_in(answer.model)))


def _message(fields: Mapping[str, Any]) -> AssistantMessage:
    own, calls = own_fields(fields), fields.get("tool_calls")
    if calls:
        _check_calls(calls)
        if any(more := [call_fields(call) for call in calls]):
            own[CALL_FIELDS] = more
    return AssistantMessage(
        content=text_in(fields, "content") or refusal_in(fields),
        tool_calls=tuple(map(_call, calls)) if calls else (),
        reasoning=text_in(fields, "reasoning_content") or text_in(fields, "reasoning") or None,
        provider_data=own or None,
    )


def _check_calls(calls: Any) -> None:
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise BadCompletion("the provider's answer is not made as one: its calls are no list of objects")


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    return ToolCall(str(call.get("id") or ""), str(function.get("name") or ""), arguments_in(function))


def arguments_in(function: Mapping[str, Any]) -> str:
    """Return the arguments of a call, or a piece of them, as text; some servers write them as an object."""
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments)


def call_fields(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provider's own fields of a call, those that hold something."""
    return {name: value for name, value in call.items() if value and name not in CALL_KNOWN}
