"""The completion ports on LiteLLM: one request a call, in both colours.

What a call sends is in `wire.py`, what comes back in `answers.py` and `reading.py`, what goes wrong in `errors.py`; an
exchange from its beginning is in `exchange.py`. Of a stream the loops alone are here, which differ in how they wait.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

import msgspec

from llamabot.adapters.litellm.call import Call
from llamabot.adapters.litellm.colours import AWAITED, BLOCKING, now
from llamabot.adapters.litellm.deadline import FROM_FIRST_WAIT, NOT_WAITING
from llamabot.adapters.litellm.exchange import answered
from llamabot.adapters.litellm.loading import load
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.secrets import NO_SECRETS, Secrets
from llamabot.protocols.chat_completions import takes_output_schema
from llamabot.protocols.options import NO_OPTIONS, WithOptions

__all__ = ["LiteLLMCompletion"]


class LiteLLMCompletion(WithOptions):
    """Answers with any model that LiteLLM knows or that speaks the chat-completions wire. Safe to share by threads.

    A server that trickles does not draw a request's `timeout_s` out, but over an HTTP client of your own
    (`litellm.client_session`, the option `client`).

    The option `output_schema` says whether the server holds its models to a JSON schema; it beats LiteLLM's table.

    Attributes:
        options: what may be seen of the options for every call.
    """

    def __init__(self, options: Mapping[str, Any] = NO_OPTIONS, secrets: Secrets = NO_SECRETS) -> None:
        super().__init__(options, secrets)
        self._capabilities: dict[str, ModelCapabilities] = {}
        self._takes_schema = takes_output_schema(options)

    def __repr__(self) -> str:
        return f"LiteLLMCompletion({dict(self.options)!r}, {self._secrets!r})"

    @property
    def identity(self) -> str:
        """Name this adapter and where its options send requests, for caches."""
        return f"litellm {msgspec.json.encode(dict(self.options), enc_hook=repr, order='deterministic').decode()}"

    def with_secrets(self, secrets: Secrets) -> LiteLLMCompletion:
        """Return a copy that authorises its requests with these secrets too."""
        return LiteLLMCompletion(self.options, self._secrets | secrets)

    def complete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        call = self._call(request, streamed=False)
        return now(answered(call, BLOCKING, call.completion))

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        call = self._call(request, streamed=False)
        return await answered(call, AWAITED, call.completion)

    def stream(self, request: CompletionRequest) -> Generator[CompletionChunk, None, None]:
        """Yield the answer in fragments; closing the generator stops the provider."""
        call = self._call(request, streamed=True)
        deadline = call.deadline
        try:
            reading = now(answered(call, BLOCKING, call.reading))
            deadline.ends = FROM_FIRST_WAIT
            for piece in call.stream:
                if (chunk := reading.chunk(piece)) is not None:
                    yield chunk
                    deadline.ends = FROM_FIRST_WAIT
        except BaseException as error:  # noqa: BLE001 - those that are no failure of the call are raised by it
            call.fail(error)
        finally:
            deadline.ends = NOT_WAITING
            now(BLOCKING.closed(call.stream))
        for chunk in call.rest():
            yield chunk

    async def astream(self, request: CompletionRequest) -> AsyncGenerator[CompletionChunk, None]:
        """Yield the answer in fragments; closing the generator, or cancelling its task, stops the provider."""
        call = self._call(request, streamed=True)
        deadline = call.deadline
        try:
            reading = await answered(call, AWAITED, call.reading)
            deadline.ends = FROM_FIRST_WAIT
            async for piece in call.stream:
                if (chunk := reading.chunk(piece)) is not None:
                    yield chunk
                    deadline.ends = FROM_FIRST_WAIT
        except BaseException as error:  # noqa: BLE001 - as above
            call.fail(error)
        finally:
            deadline.ends = NOT_WAITING
            await AWAITED.closed(call.stream)
        for chunk in call.rest():
            yield chunk

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what LiteLLM's table knows of a model: that it takes an output schema, that it has a price, or nothing.

        The first call of the process loads LiteLLM, which takes seconds.
        """
        known = self._capabilities.get(model)
        if known is None:
            known = self._capabilities[model] = self._looked_up(model)
        return known

    def _looked_up(self, model: str) -> ModelCapabilities:
        try:
            litellm = load()
            takes_schema = litellm.supports_response_schema(model, self.options.get("custom_llm_provider"))
        except Exception:  # noqa: BLE001 - a name that LiteLLM cannot read is a model it does not know
            return ModelCapabilities(output_schema=self._takes_schema)
        entries = [litellm.model_cost.get(name, {}) for name in (model, model.partition("/")[2])]
        prices: Mapping[str, Any] = next((entry for entry in entries if "input_cost_per_token" in entry), {})
        return ModelCapabilities(
            # Its table says False of every model that it has never heard of.
            output_schema=(True if takes_schema else None) if self._takes_schema is None else self._takes_schema,
            priced=True if prices else None,
            usd_per_prompt_token=prices.get("input_cost_per_token"),
            usd_per_completion_token=prices.get("output_cost_per_token"),
        )

    def _call(self, request: CompletionRequest, *, streamed: bool) -> Call:
        return Call(request, self.options, self._secrets, streamed=streamed)
