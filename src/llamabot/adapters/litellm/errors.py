"""LiteLLM's errors as ours: the one mapper of this adapter, most specific first.

LiteLLM wraps errors of four libraries in its own and loses much on the way: a refused connection, a broken body and a
missing key all come as status 500. So the whole chain is read: what an HTTP response said counts first, then what kind
of error lies at the bottom, and LiteLLM's own opinion last.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from llamabot.adapters.litellm.words import Scrubber, chain_of, names_of, one_line, retry_after_s, said_by
from llamabot.ports.errors import (
    AuthenticationFailed,
    BadCompletion,
    CompletionError,
    CompletionTimeout,
    ConfigurationError,
    ContentRefused,
    ContextTooLong,
    LlamabotError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage

__all__ = ["ANY_ERROR", "Failure", "Scene", "SecondRequest", "failure_of", "is_broken_connection"]


class SecondRequest(BaseException):
    """LiteLLM was about to make another request for the same call. It would log an Exception and go on."""


ANY_ERROR = (Exception, SecondRequest)


class Failure(NamedTuple):
    """What to raise, and from what: nothing, where the original would show a key."""

    error: LlamabotError
    cause: BaseException | None


class Scene(NamedTuple):
    """Where an error happened.

    Attributes:
        outer: what was being handled before the call, and is no part of this.
        answered: whether the provider had begun to answer.
        partial: what had arrived of a stream, None before one began.
        key_names: finds the environment variables that could hold a missing key.
        wanted: what the provider was asked for.
    """

    model: str
    timeout_s: float
    scrubber: Scrubber
    outer: BaseException | None
    answered: bool
    partial: AssistantMessage | None
    key_names: Callable[[], Sequence[str]]
    wanted: str = "completion"


class _Facts(NamedTuple):
    names: frozenset[str]
    status: int | None
    code: str
    words: str


def failure_of(error: BaseException, scene: Scene) -> Failure:
    """Return our error for any that came out of a call."""
    chain = chain_of(error, scene.outer)
    own = next((link for link in chain if isinstance(link, LlamabotError)), None)
    if own is not None:
        if isinstance(own, CompletionError) and own.partial is None and _says_something(scene.partial):
            own.partial = scene.partial
        return Failure(own, own.__cause__)
    facts = _Facts(names_of(chain), _http_status(chain), _code(chain), said_by(chain))
    kind, said = _kind_and_sentence(facts, chain, scene)
    ours = kind(scene.scrubber.scrubbed(f"{scene.model}: {said}"))
    if isinstance(ours, CompletionError):
        ours.status_code = facts.status or _told_status(facts.code, chain[-1:])
        ours.partial = scene.partial if _says_something(scene.partial) or kind is StreamTruncated else None
    if isinstance(ours, RateLimited):
        ours.retry_after_s = retry_after_s(chain, time.time())
    hidden = isinstance(error, SecondRequest) or scene.scrubber.finds_any_in(chain)
    return Failure(ours, None if hidden else error)


def is_broken_connection(error: BaseException, outer: BaseException | None) -> bool:
    """Whether the connection failed, and not the provider or our reading of it."""
    return bool(names_of(chain_of(error, outer)) & _BROKEN)


def _says_something(partial: AssistantMessage | None) -> bool:
    return partial is not None and bool(partial.content or partial.reasoning or partial.tool_calls)


_TIMEOUTS = frozenset({"APITimeoutError", "ServerTimeoutError", "Timeout", "TimeoutError", "TimeoutException"})
_BROKEN = frozenset({"ClientConnectionError", "ClientPayloadError", "ConnectionError", "TransportError", "gaierror"})
_ADDRESSES = frozenset({"InvalidURL", "UnsupportedProtocol"})
_UNREADABLE = frozenset(
    {"APIResponseValidationError", "DecodingError", "RecursionError", "UnicodeDecodeError", "ValidationError"}
)

_BUGS = (AssertionError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)

_NO_KEY = re.compile(
    r"missing credentials|missing [\w ]*api[ _-]?key|no key is set|unable to locate credentials"
    r"|api_key client option must be set|api[ _-]?key (?:is )?(?:required|missing|not (?:set|found|provided))",
    re.IGNORECASE,
)
_NO_PROVIDER = re.compile(r"LLM Provider NOT provided|Unmapped LLM provider", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"empty or invalid response from LLM endpoint|returned 'choices' that is not|invalid response object"
    r"|error in response object format|object has no attribute 'model_dump'",
    re.IGNORECASE,
)
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

_REFUSALS = frozenset({None, 400, 403, 413, 422})
_ELSEWHERE = (
    RequestRejected,
    "the provider sends to another address, where no key is sent; api_base= is perhaps another",
)
_BY_STATUS: Mapping[int, tuple[type[CompletionError], str]] = {
    401: (AuthenticationFailed, "the provider refuses the key"),
    403: (AuthenticationFailed, "the provider does not allow this with the key"),
    404: (RequestRejected, "the provider does not know the model or the address"),
    408: (CompletionTimeout, "the provider gave up waiting"),
    429: (RateLimited, "the provider asks to slow down"),
    **dict.fromkeys((301, 302, 303, 307, 308), _ELSEWHERE),
}

_OTHER = (RequestRejected, "the provider refuses the request")
_FAILING = (ProviderUnavailable, "the provider fails")


def _kind_and_sentence(facts: _Facts, chain: Sequence[BaseException], scene: Scene) -> tuple[type[LlamabotError], str]:
    """Return what an error is and what to tell; the order of the questions is the meaning of this module."""
    names, words, refused = facts.names, facts.words, facts.status in _REFUSALS
    if "SecondRequest" in names:
        return RequestRejected, _SECOND
    if refused and ("ContextWindowExceededError" in names or _TOO_LONG.search(f"{facts.code} {words}")):
        return ContextTooLong, f"the request has more tokens than the model takes: {words}"
    if refused and ("ContentPolicyViolationError" in names or _FILTERED.search(f"{facts.code} {words}")):
        return ContentRefused, f"the provider's content filter stopped this: {words}"
    if facts.status is not None:
        return _by_status(facts.status, facts, scene)
    if _NO_KEY.search(words):
        return AuthenticationFailed, f"there is no key; set {_key_places(scene, words)}"
    if _NO_PROVIDER.search(words) or names & _ADDRESSES or "ImportError" in names:
        return ConfigurationError, _configuration(facts, chain)
    if names & _TIMEOUTS:
        return CompletionTimeout, f"nothing came for {scene.timeout_s:g} s; timeout_s= is the longest wait"
    if "JSONDecodeError" in names:
        return BadCompletion, "the provider answered with something that is not JSON"
    if names & _UNREADABLE or _NO_ANSWER.search(words):
        return BadCompletion, f"the provider answered with something that is no {scene.wanted}: {words}"
    if names & _BROKEN:
        return _broken(chain, scene)
    if scene.answered and isinstance(chain[-1], _BUGS):
        return BadCompletion, f"the provider's answer is not made as one: {type(chain[-1]).__name__}: {words}"
    return _by_words(facts, chain, scene)


_SECOND = (
    "the provider wants the messages in another form (roles that alternate between user and assistant, the user's last)"
    "; LiteLLM would have changed them and asked again, and a call makes one request"
)


def _by_status(status: int, facts: _Facts, scene: Scene) -> tuple[type[LlamabotError], str]:
    kind, what = _BY_STATUS.get(status, _OTHER if 400 <= status < 500 else _FAILING)
    said = f"{what} ({status}): {facts.words}"
    return kind, f"{said}; check {_key_places(scene, facts.words)}" if kind is AuthenticationFailed else said


def _by_words(facts: _Facts, chain: Sequence[BaseException], scene: Scene) -> tuple[type[LlamabotError], str]:
    """Sort an error object that came in a 200, or one of LiteLLM's own."""
    if (status := _told_status(facts.code, chain)) is not None:
        return _by_status(status, facts, scene)
    told = f"{facts.code} {facts.words}"
    if _LIMITED.search(told):
        return RateLimited, f"the provider asks to slow down: {facts.words}"
    if _REFUSED_KEY.search(told):
        return (
            AuthenticationFailed,
            f"the provider refuses the key: {facts.words}; check {_key_places(scene, facts.words)}",
        )
    if _INVALID.search(told):
        return RequestRejected, f"the provider refuses the request: {facts.words}"
    if isinstance(chain[-1], _BUGS):
        return CompletionError, f"LiteLLM failed: {type(chain[-1]).__name__}: {facts.words}"
    return ProviderUnavailable, f"the provider failed: {facts.words}"


def _broken(chain: Sequence[BaseException], scene: Scene) -> tuple[type[LlamabotError], str]:
    # Below it may be what the transport stumbled over on its way to notice: anyio pops from an empty queue.
    bottom = next(link for link in reversed(chain) if names_of([link]) & _BROKEN)
    original = one_line(str(bottom)) or type(bottom).__name__
    if scene.partial is not None:
        return StreamTruncated, f"the connection broke in the middle of the answer: {original}"
    return ProviderUnavailable, f"the provider cannot be reached: {original}"


def _configuration(facts: _Facts, chain: Sequence[BaseException]) -> str:
    if facts.names & _ADDRESSES:
        return f"api_base is no address, it begins with http:// or https://: {chain[-1]}"
    missing = next((error.name for error in chain if isinstance(error, ImportError) and error.name), None)
    if missing:
        return f"LiteLLM needs the package {missing!r} for this provider: {facts.words}"
    if "ImportError" in facts.names:
        return f"LiteLLM needs a package that is not installed: {facts.words}"
    return (
        "LiteLLM does not know the provider; write it before the model's name (model='openai/…', 'ollama_chat/…') "
        "or pass options={'custom_llm_provider': …}"
    )


_STATUS = re.compile(r"[45][0-9]{2}")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN)\b")


def _key_places(scene: Scene, words: str) -> str:
    """Return where a key may be given: the variable that LiteLLM or the provider names, or the option."""
    names = [name for name in scene.key_names() if _VARIABLE.fullmatch(name)] or _VARIABLE.findall(words)
    variable = f"the environment variable {names[0]}" if names else "the provider's environment variable"
    return f"{variable}, or the key in options={{'api_key': …}}"


def _http_status(chain: Sequence[BaseException]) -> int | None:
    """Return the status of the response that an error came with; LiteLLM makes up a 500 where there was none."""
    for error in chain:
        if "HTTPStatusError" in {kind.__name__ for kind in type(error).__mro__}:
            return int(error.response.status_code)  # type: ignore[attr-defined]  # httpx is not imported for its type
    return None


def _told_status(code: str, chain: Sequence[BaseException]) -> int | None:
    """Return the status that the provider's error object names, or else one of these errors.

    Not 500: LiteLLM gives it to whatever it cannot sort.
    """
    if _STATUS.fullmatch(code):
        return int(code)
    stated = (str(getattr(error, "status_code", "")) for error in chain)
    return next((int(status) for status in stated if _STATUS.fullmatch(status) and status != "500"), None)


def _code(chain: Sequence[BaseException]) -> str:
    """Return the code and the type of the provider's error object."""
    for error in reversed(chain):
        body: Any = getattr(error, "body", None)
        if isinstance(body, Mapping):
            told = [str(body[name]) for name in ("code", "type") if body.get(name) is not None]
            return told[0] if told and _STATUS.fullmatch(told[0]) else " ".join(told)
    return ""
