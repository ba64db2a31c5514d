"""LiteLLM's errors as ours: the one mapper of this adapter, most specific first.

LiteLLM wraps errors of four libraries in its own and loses much on the way: a refused connection, a broken body and a
missing key all come as status 500. So the whole chain is read: what an HTTP response said counts first, then what kind
of error lies at the bottom, and LiteLLM's own opinion last.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from llamabot.adapters.litellm.words import chain_of, names_of, retry_after_s, said_by
from llamabot.ports.errors import (
    AuthenticationFailed,
    BadCompletion,
    CompletionError,
    ConfigurationError,
    LlamabotError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage
from llamabot.protocols.failures import (
    Failure,
    Told,
    broken,
    by_status,
    by_words,
    key_places,
    says_something,
    status_in,
    timed_out,
    too_long_or_filtered,
)
from llamabot.protocols.words import Scrubber, one_line

__all__ = ["ANY_ERROR", "Scene", "SecondRequest", "failure_of", "is_broken_connection", "without_frames"]

E = TypeVar("E", bound=BaseException)


class SecondRequest(BaseException):
    """LiteLLM was about to make another request for the same call. It would log an Exception and go on."""


ANY_ERROR = (Exception, SecondRequest)


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
    told: Told


def failure_of(error: BaseException, scene: Scene) -> Failure:
    """Return our error for any that came out of a call, without the tracebacks."""
    chain = chain_of(without_frames(error, scene.outer), scene.outer)
    own = next((link for link in chain if isinstance(link, LlamabotError)), None)
    if own is not None:
        if isinstance(own, CompletionError) and own.partial is None and says_something(scene.partial):
            own.partial = scene.partial
        return Failure(own, own.__cause__)
    facts = _Facts(names_of(chain), Told(_http_status(chain), _code(chain), said_by(chain)))
    kind, said = _kind_and_sentence(facts, chain, scene)
    ours = kind(scene.scrubber.scrubbed(f"{scene.model}: {said}"))
    if isinstance(ours, CompletionError):
        ours.status_code = facts.told.status or _told_status(facts.told.code, chain[-1:])
        ours.partial = scene.partial if says_something(scene.partial) or kind is StreamTruncated else None
    if isinstance(ours, RateLimited):
        ours.retry_after_s = retry_after_s(chain, time.time())
    hidden = isinstance(error, SecondRequest) or scene.scrubber.finds_any_in(chain)
    return Failure(ours, None if hidden else error)


def without_frames(error: E, outer: BaseException | None) -> E:
    """Return an error whose traceback is gone, and those of what it came from: vendors' frames hold the key."""
    for link in chain_of(error, outer):
        link.__traceback__ = None
    return error


def is_broken_connection(error: BaseException, outer: BaseException | None) -> bool:
    """Whether the connection failed, and not the provider or our reading of it."""
    return bool(names_of(chain_of(error, outer)) & _BROKEN)


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


def _kind_and_sentence(facts: _Facts, chain: Sequence[BaseException], scene: Scene) -> tuple[type[LlamabotError], str]:
    """Return what an error is and what to tell; the order of the questions is the meaning of this module."""
    names, told, words = facts.names, facts.told, facts.told.words
    if "SecondRequest" in names:
        return RequestRejected, _SECOND
    size_or_content = too_long_or_filtered(
        told,
        too_long="ContextWindowExceededError" in names,
        filtered="ContentPolicyViolationError" in names,
    )
    if size_or_content is not None:
        return size_or_content
    if told.status is not None:
        return by_status(told.status, told, lambda: _key_places(scene, words))
    if _NO_KEY.search(words):
        return AuthenticationFailed, f"there is no key; set {_key_places(scene, words)}"
    if _NO_PROVIDER.search(words) or names & _ADDRESSES or "ImportError" in names:
        return ConfigurationError, _configuration(facts, chain)
    if names & _TIMEOUTS:
        return timed_out(scene.timeout_s)
    if "JSONDecodeError" in names:
        return BadCompletion, "the provider answered with something that is not JSON"
    if names & _UNREADABLE or _NO_ANSWER.search(words):
        return BadCompletion, f"the provider answered with something that is no {scene.wanted}: {words}"
    if names & _BROKEN:
        return _broken(chain, scene)
    if scene.answered and isinstance(chain[-1], _BUGS):
        return BadCompletion, f"the provider's answer is not made as one: {type(chain[-1]).__name__}: {words}"
    return _by_words(told, chain, scene)


_SECOND = (
    "the provider wants the messages in another form (roles that alternate between user and assistant, the user's last)"
    "; LiteLLM would have changed them and asked again, and a call makes one request"
)


def _by_words(told: Told, chain: Sequence[BaseException], scene: Scene) -> tuple[type[LlamabotError], str]:
    """Sort an error object that came in a 200, or one of LiteLLM's own."""

    def places() -> str:
        return _key_places(scene, told.words)

    if (status := _told_status(told.code, chain)) is not None:
        return by_status(status, told, places)
    if (known := by_words(told, places)) is not None:
        return known
    if isinstance(chain[-1], _BUGS):
        return CompletionError, f"LiteLLM failed: {type(chain[-1]).__name__}: {told.words}"
    return ProviderUnavailable, f"the provider failed: {told.words}"


def _broken(chain: Sequence[BaseException], scene: Scene) -> tuple[type[LlamabotError], str]:
    # Below it may be what the transport stumbled over on its way to notice: anyio pops from an empty queue.
    bottom = next(link for link in reversed(chain) if names_of([link]) & _BROKEN)
    original = one_line(str(bottom)) or type(bottom).__name__
    return broken(original, streaming=scene.partial is not None)


def _configuration(facts: _Facts, chain: Sequence[BaseException]) -> str:
    if facts.names & _ADDRESSES:
        return f"api_base is no address, it begins with http:// or https://: {chain[-1]}"
    missing = next((error.name for error in chain if isinstance(error, ImportError) and error.name), None)
    if missing:
        return f"LiteLLM needs the package {missing!r} for this provider: {facts.told.words}"
    if "ImportError" in facts.names:
        return f"LiteLLM needs a package that is not installed: {facts.told.words}"
    return (
        "LiteLLM does not know the provider; write it before the model's name (model='openai/…', 'ollama_chat/…') "
        "or pass options={'custom_llm_provider': …}"
    )


def _key_places(scene: Scene, words: str) -> str:
    """Return where a key may be given: the variable that LiteLLM or the provider names, or the option."""
    return key_places(scene.key_names(), words)


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
    if (status := status_in(code)) is not None:
        return status
    stated = (status_in(str(getattr(error, "status_code", ""))) for error in chain)
    return next((status for status in stated if status not in (None, 500)), None)


def _code(chain: Sequence[BaseException]) -> str:
    """Return the code and the type of the provider's error object."""
    for error in reversed(chain):
        body: Any = getattr(error, "body", None)
        if isinstance(body, Mapping):
            told = [str(body[name]) for name in ("code", "type") if body.get(name) is not None]
            return told[0] if told and status_in(told[0]) else " ".join(told)
    return ""
