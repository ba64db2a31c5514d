"""One call: its arguments, the keys it knows, and what its end means. Nothing here waits, so both colours share it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llamabot.adapters.litellm.answers import completion_of
from llamabot.adapters.litellm.callbacks import is_heard
from llamabot.adapters.litellm.deadline import Deadline
from llamabot.adapters.litellm.errors import (
    ANY_ERROR,
    Scene,
    SecondRequest,
    failure_of,
    is_broken_connection,
    without_frames,
)
from llamabot.adapters.litellm.hearing import hear_all
from llamabot.adapters.litellm.loading import loaded
from llamabot.adapters.litellm.reading import Reading
from llamabot.adapters.litellm.wire import arguments
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.secrets import Secrets
from llamabot.protocols.chat_completions import OUTPUT_SCHEMA, refuse_of_a_request, refuse_wrong_options
from llamabot.protocols.failures import Failure, refuse_offline, refuse_without_model
from llamabot.protocols.words import Scrubber

__all__ = ["Call", "key_names"]

# Who passes one of these has asked for more than one request.
_RETRYING = frozenset(
    {"context_window_fallback_dict", "fallbacks", "logger_fn", "max_retries", "num_retries", "retry_policy"}
)


class Call:
    """One request on its way.

    Attributes:
        arguments: what LiteLLM is called with, keys included; therefore no local variable of a frame that raises.
        deadline: of the whole answer, or of each fragment.
        stream: what the provider answers with, None before it has begun and where a whole answer was asked for.
    """

    function = "completion"

    def __init__(
        self, request: CompletionRequest, options: Mapping[str, Any], secrets: Secrets, *, streamed: bool
    ) -> None:
        refuse_offline("a model of this machine: model='embedded/smollm2'")
        refuse_without_model(request.model)
        refuse_of_a_request(request.options)
        refuse_wrong_options({**options, **request.options}, secrets)
        merged = secrets.merged_into({**options, **request.options})
        merged.pop(OUTPUT_SCHEMA, None)
        self.arguments = arguments(request, merged, streamed=streamed)
        if not _RETRYING & merged.keys():
            self.arguments["logger_fn"] = self._watch
        self.deadline = Deadline(self.arguments["timeout"])
        self.stream: Any = None
        self._request = request
        self._secrets = secrets
        self._outer = sys.exception()
        self._permits = 1
        self._answered = False
        self._reading: Reading | None = None
        self._failure: Failure | None = None

    def completion(self, response: Any, litellm: Any) -> Completion:
        """Return the whole answer; raises as `completion_of`, or what a response that is not made as one leads to."""
        self._answered = True
        return completion_of(response, litellm, self._request.model)

    def reading(self, stream: Any, litellm: Any) -> Reading:
        """Return what reads the stream with which the provider has begun to answer."""
        self._answered = True
        self.stream = stream
        hear_all(stream, self._request.model)
        several = self.arguments.get("n", 1) != 1
        heard = is_heard(litellm, self.arguments)
        self._reading = Reading(stream, self._request.model, litellm, several=several, heard=heard)
        return self._reading

    def fail(self, error: BaseException) -> None:
        """Note what ended the stream, unless the answer was whole when the connection broke; raises as `failure`."""
        if not (self._reading and self._reading.finished and is_broken_connection(error, self._outer)):
            self._failure = self.failure(error)

    def rest(self) -> Iterator[CompletionChunk]:
        """Yield what is said at the end of a stream; raises our error where it failed."""
        if self._failure is not None:
            raise self._failure.error from self._failure.cause
        if self._reading and (chunk := self._reading.rest()) is not None:
            yield chunk

    def failure(self, error: BaseException) -> Failure:
        """Return our error for one that ended this call; raises what is none of its, without frames that hold a key."""
        if not isinstance(error, ANY_ERROR):
            raise without_frames(error, self._outer)
        scene = Scene(
            model=self._request.model,
            timeout_s=self._request.timeout_s,
            scrubber=Scrubber(self.arguments, self._secrets),
            outer=self._outer,
            answered=self._answered,
            partial=self._reading.partial() if self._reading else None,
            key_names=lambda: key_names(self._request.model),
        )
        return failure_of(error, scene)

    def forbid(self) -> None:
        """Let no request be made any more."""
        self._permits = 0

    def _watch(self, details: Mapping[str, Any]) -> None:
        """Refuse a second request, and notice the answer; LiteLLM tells here before each request and after it.

        Some complaints about the order of roles make it change the messages and ask up to three times more.
        """
        moment = details.get("log_event_type")
        if moment == "post_api_call":
            self._answered = True
        if moment != "pre_api_call" or "acompletion" not in details.get("additional_args", ()):
            return
        if not self._permits:
            raise SecondRequest
        self._permits -= 1


def key_names(model: str) -> Sequence[str]:
    """Return the variables that a model's provider reads its key from: those not set, else the usual one."""
    litellm = loaded()
    try:
        missing: list[str] = litellm.validate_environment(model)["missing_keys"]
        usual = f"{litellm.get_llm_provider(model)[1].upper()}_API_KEY"
    except Exception:  # noqa: BLE001 - it only helps to tell the mend of another error
        return ()
    return missing or [name for name in (usual,) if name in os.environ]
