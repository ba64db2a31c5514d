"""LiteLLM's responses as our values. Pure but for the price, which LiteLLM looks up in its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llamabot.ports.assembly import mend_completion
from llamabot.ports.completion import Completion, FinishReason, Usage
from llamabot.ports.errors import BadCompletion
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall
from llamabot.protocols.chat_completions import CALL_FIELDS, finish_reason
from llamabot.protocols.chat_completions.fields import CALL_KNOWN, KNOWN, model_in, tokens_of, usd_of

__all__ = [
    "call_fields",
    "completion_of",
    "cost_usd",
    "every_field",
    "fields_of",
    "model_of",
    "own_fields",
    "reason_of",
    "text_alone",
    "unfolded",
    "usage_of",
]

_FOLDING = frozenset({"azure", "custom_openai", "openai"})


def completion_of(response: Any, litellm: Any, model: str) -> Completion:
    """Return a whole answer.

    Raises:
        BadCompletion: there is no answer in it.
    """
    if not response.choices:
        raise BadCompletion(f"{model}: the provider's answer has no choices")
    choice = response.choices[0]
    said = fields_of(choice.message)
    calls = said.get("tool_calls", ())
    own = unfolded(own_fields(said), response, litellm)
    if any(more := [call_fields(call) for call in calls]):
        own[CALL_FIELDS] = more
    message = AssistantMessage(
        content=said.get("content") or own.pop("refusal", ""),
        tool_calls=tuple(map(_call, calls)),
        reasoning=said.get("reasoning_content"),
        provider_data=own or None,
    )
    usage = usage_of(getattr(response, "usage", None))
    price = usd_of(_hidden(response).get("response_cost")) if usage else None
    native = (getattr(choice, "provider_specific_fields", None) or {}).get("native_finish_reason")
    reason = reason_of(choice.finish_reason, native, litellm)
    return mend_completion(Completion(message, reason, usage, price, model_of(response)))


def reason_of(said: str | None, native: Any, litellm: Any) -> FinishReason:
    """Return why an answer ended, of what LiteLLM said and the provider's own word, where that was kept.

    LiteLLM says `stop` of whatever word it does not know.
    """
    known = getattr(litellm.litellm_core_utils.core_helpers, "_FINISH_REASON_MAP", None)
    is_unknown = known and isinstance(native, str) and native and native not in known
    return FinishReason.OTHER if is_unknown else finish_reason(said)


def _call(call: Any) -> ToolCall:
    function = call.function
    return ToolCall(call.id or "", function.name or "", function.arguments or "")


def model_of(response: Any) -> str | None:
    """Return the model that answered, as the provider names it."""
    return model_in(_hidden(response).get("provider_response_model") or response.model)


def _hidden(response: Any) -> Mapping[str, Any]:
    return getattr(response, "_hidden_params", None) or {}


def usage_of(usage: Any) -> Usage | None:
    """Return the tokens, or None where the provider said nothing: LiteLLM puts zeros there."""
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if not prompt and not completion:
        return None
    sent, generated = (getattr(usage, f"{side}_tokens_details", None) for side in ("prompt", "completion"))
    return Usage(prompt, completion, _count(sent, "cached_tokens"), _count(generated, "reasoning_tokens"))


def _count(counts: Any, name: str) -> int:
    return tokens_of(getattr(counts, name, None))


def cost_usd(litellm: Any, model: str, usage: Any) -> float | None:
    """Return the price of a stream: what the provider or LiteLLM wrote into its usage, else what the table says."""
    if (written := usd_of(getattr(usage, "cost", None))) is not None:
        return written
    try:
        return float(sum(litellm.cost_per_token(model=model, usage_object=usage)))
    except Exception:  # noqa: BLE001 - it raises many kinds for a model without a price
        return None


def text_alone(piece: Any) -> str | None:
    """Return the text of a piece that holds one choice with a text and nothing else, as nearly all do; else None.

    Looked up where pydantic keeps what LiteLLM's models do not declare: by name it takes ten times as long.
    """
    try:
        (choice,) = piece.choices
        said = choice.__pydantic_extra__
        delta = said["delta"]
        fields = delta.__pydantic_extra__
        text = fields["content"]
        if said["finish_reason"] is not None or piece.__pydantic_extra__.get("usage"):
            return None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    alone = list(fields.values()).count(None) == len(fields) - 1 and not any(vars(delta).values())
    return text if alone and type(text) is str else None


def every_field(model: Any) -> dict[str, Any]:
    """Return all that one of LiteLLM's models holds; to ask it for one by name takes longer than this."""
    return {**vars(model), **(model.model_extra or {})}


def fields_of(model: Any) -> dict[str, Any]:
    """Return the fields of one of LiteLLM's models that hold something; pydantic's own ways take thrice the time."""
    return {name: value for name, value in every_field(model).items() if value}


def own_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provider's own of the fields of a message or a delta."""
    return {name: _plain(fields[name]) for name in fields if name not in KNOWN}


def unfolded(fields: dict[str, Any], response: Any, litellm: Any) -> dict[str, Any]:
    """Return fields where the wire had them, each once: LiteLLM puts some into `provider_specific_fields`."""
    inner = fields.pop("provider_specific_fields", {})
    folded = {name: value for name, value in inner.items() if value and value != fields.get(name)}
    provider = _hidden(response).get("custom_llm_provider")
    folds = provider in _FOLDING or provider in litellm.openai_compatible_providers
    if folds and provider != "litellm_proxy":
        return {**folded, **fields}
    return {**fields, "provider_specific_fields": folded} if folded else fields


def call_fields(call: Any) -> dict[str, Any]:
    """Return the provider's own fields of a call."""
    return {name: _plain(value) for name, value in fields_of(call).items() if name not in CALL_KNOWN}


def _plain(value: Any) -> Any:
    """Return a value of plain JSON kinds."""
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
