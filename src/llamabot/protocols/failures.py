"""What a provider's refusal means: which of our errors it is, and the words and the mend that go with it.

Every adapter of a provider asks here, so that a bot cannot tell by its errors which of them it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from llamabot.ports.errors import (
    AuthenticationFailed,
    CompletionError,
    CompletionTimeout,
    ConfigurationError,
    ContentRefused,
    ContextTooLong,
    EmbeddingError,
    LlamabotError,
    PortError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.offline import is_offline

__all__ = [
    "Failure",
    "Kind",
    "Told",
    "broken",
    "by_status",
    "by_words",
    "embedding_failure",
    "is_filtered",
    "is_too_long",
    "key_places",
    "refuse_offline",
    "refuse_without_model",
    "says_something",
    "status_in",
    "timed_out",
    "too_long_or_filtered",
]


class Failure(NamedTuple):
    """What to raise, and from what: nothing, where the original would show a key."""

    error: LlamabotError
    cause: BaseException | None


class Told(NamedTuple):
    """What a provider said when it refused.

    Attributes:
        status: of the HTTP answer, or None where the refusal came inside of a 200.
        code: the code and the type of its error object.
        words: its sentence, in one line.
    """

    status: int | None
    code: str
    words: str


Kind = tuple[type[CompletionError], str]
"""One of our errors, and what to tell with it."""

_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens"
    r"|exceeds? the (?:maximum|available) (?:number of )?(?:tokens|context)",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[ _-](?:filter|policy|management)|responsible ai polic|flagged by|safety system", re.IGNORECASE
)
_LIMITED = re.compile(r"rate[ _-]?limit|too many requests|quota", re.IGNORECASE)
_REFUSED_KEY = re.compile(r"invalid[ _]api[ _]key|authentication|unauthorized|permission", re.IGNORECASE)
_INVALID = re.compile(r"invalid[ _]request|not[ _]found", re.IGNORECASE)
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN)\b")
_STATUS = re.compile(r"[45][0-9]{2}")

_REFUSALS = frozenset({None, 400, 403, 413, 422})
_ELSEWHERE = (
    RequestRejected,
    "the provider sends to another address, where no key is sent; api_base= is perhaps another",
)
_BY_STATUS: Mapping[int, Kind] = {
    401: (AuthenticationFailed, "the provider refuses the key"),
    403: (AuthenticationFailed, "the provider does not allow this with the key"),
    404: (RequestRejected, "the provider does not know the model or the address"),
    408: (CompletionTimeout, "the provider gave up waiting"),
    429: (RateLimited, "the provider asks to slow down"),
    **dict.fromkeys((301, 302, 303, 307, 308), _ELSEWHERE),
}
_OTHER = (RequestRejected, "the provider refuses the request")
_FAILING = (ProviderUnavailable, "the provider fails")


def is_too_long(told: Told) -> bool:
    """Whether the request had more tokens than the model takes."""
    return told.status in _REFUSALS and bool(_TOO_LONG.search(f"{told.code} {told.words}"))


def is_filtered(told: Told) -> bool:
    """Whether a filter of the provider's stopped it."""
    return told.status in _REFUSALS and bool(_FILTERED.search(f"{told.code} {told.words}"))


def too_long_or_filtered(told: Told, *, too_long: bool = False, filtered: bool = False) -> Kind | None:
    """Return what a refusal for the size or the content is, or None if this is none.

    Args:
        told: what the provider said.
        too_long: that it is known to be about the size, where its words need not say so.
        filtered: that it is known to be about the content.
    """
    if is_too_long(told) or (too_long and told.status in _REFUSALS):
        return ContextTooLong, f"the request has more tokens than the model takes: {told.words}"
    if is_filtered(told) or (filtered and told.status in _REFUSALS):
        return ContentRefused, f"the provider's content filter stopped this: {told.words}"
    return None


def by_status(status: int, told: Told, places: Callable[[], str]) -> Kind:
    """Return what a status means; `places` says where a key may be given."""
    kind, what = _BY_STATUS.get(status, _OTHER if 400 <= status < 500 else _FAILING)
    said = f"{what} ({status}): {told.words}"
    return kind, f"{said}; check {places()}" if kind is AuthenticationFailed else said


def by_words(told: Told, places: Callable[[], str]) -> Kind | None:
    """Return what the error object of a 200 means by its code and its words, or None if they say nothing known."""
    said = f"{told.code} {told.words}"
    if _LIMITED.search(said):
        return RateLimited, f"the provider asks to slow down: {told.words}"
    if _REFUSED_KEY.search(said):
        return AuthenticationFailed, f"the provider refuses the key: {told.words}; check {places()}"
    if _INVALID.search(said):
        return RequestRejected, f"the provider refuses the request: {told.words}"
    return None


def status_in(code: str) -> int | None:
    """Return the status that a code is, if it is one of an error."""
    return int(code) if _STATUS.fullmatch(code) else None


def timed_out(timeout_s: float) -> Kind:
    """Return what it is that nothing came in time."""
    return CompletionTimeout, f"nothing came for {timeout_s:g} s; timeout_s= is the longest wait"


def broken(original: str, *, streaming: bool) -> Kind:
    """Return what a broken connection is: the end of a stream in its middle, or a provider that cannot be reached."""
    if streaming:
        return StreamTruncated, f"the connection broke in the middle of the answer: {original}"
    return ProviderUnavailable, f"the provider cannot be reached: {original}"


def key_places(names: Sequence[str], words: str) -> str:
    """Return where a key may be given: the variable that is known, or that the words name, or the option."""
    names = [name for name in names if _VARIABLE.fullmatch(name)] or _VARIABLE.findall(words)
    variable = f"the environment variable {names[0]}" if names else "the provider's environment variable"
    return f"{variable}, or the key in options={{'api_key': …}}"


def says_something(partial: AssistantMessage | None) -> bool:
    """Whether anything of an answer had arrived."""
    return partial is not None and bool(partial.content or partial.reasoning or partial.tool_calls)


_CARRIED = ("retryable", "retry_after_s", "status_code")


def embedding_failure(found: Failure) -> Failure:
    """Return a failure as one of embedding: what the provider did is an `EmbeddingError`."""
    if not isinstance(found.error, PortError) or isinstance(found.error, EmbeddingError):
        return found
    ours = EmbeddingError(str(found.error))
    for name in _CARRIED:
        if hasattr(found.error, name):
            setattr(ours, name, getattr(found.error, name))
    return Failure(ours, found.cause)


def refuse_offline(instead: str) -> None:
    """Ask nobody while `LLAMABOT_OFFLINE` is set.

    Args:
        instead: what needs no network, in words that go on "use …".

    Raises:
        ConfigurationError: it is.
    """
    if is_offline():
        raise ConfigurationError(f"LLAMABOT_OFFLINE is set, so no provider is asked; unset it, or use {instead}")


def refuse_without_model(model: str) -> None:
    """Want a name of a model.

    Raises:
        ConfigurationError: it is empty.
    """
    if not model.strip():
        raise ConfigurationError(
            "no model is set: pass model=, call lmb.configure(model=…), set LLAMABOT_MODEL, or write model = … into "
            "llamabot.toml; model='embedded/smollm2' needs no key"
        )
