"""The completion ports on a server that speaks the chat-completions wire: one request a call, in both colours.

What a call sends and what comes back is in `call.py`, an exchange from end to end in `exchange.py`; `blocking.py` and
`awaited.py` carry it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

import msgspec

from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.client import WireClient
from llamabot.adapters.wire.exchange import fragments, whole
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.secrets import NO_SECRETS, Secret, Secrets
from llamabot.protocols.chat_completions import encoded, request_fields, takes_output_schema
from llamabot.protocols.failures import refuse_offline, refuse_without_model
from llamabot.protocols.options import NO_OPTIONS

__all__ = ["WireCompletion"]

_ENDPOINT = "chat/completions"
_PREFIX = "wire/"


class WireCompletion(WireClient):
    """Answers with a model of a server that speaks OpenAI's chat-completions wire.

    OpenAI itself, vLLM, llama.cpp, Ollama (`/v1`), OpenRouter and many more. Safe to share by threads and event loops;
    keeps connections open until it is closed, and is a context manager of either colour.

    Args:
        base_url: what comes before `/chat/completions`: `http://localhost:8000/v1` for example.
        api_key: sent as a bearer token, to this address and nowhere else.
        model: the name for requests that name none.
        options: for every request. `extra_headers`, `extra_body`, `timeout` and `organization` mean what they do for
            `LiteLLMCompletion`; what is no option of the connection becomes a field of the request's body.
        output_schema: whether the server holds its models to a JSON schema; None is what the option of that name says,
            and unknown where none does.
        tls: settings of encrypted connections, in place of the system's.
        secrets: more of the options.

    Attributes:
        options: what may be seen of them.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | Secret | None = None,
        model: str = "",
        options: Mapping[str, Any] = NO_OPTIONS,
        output_schema: bool | None = None,
        tls: ssl.SSLContext | None = None,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        super().__init__(base_url, api_key, options, secrets, tls)
        self._model = model
        takes_schema = takes_output_schema(options) if output_schema is None else output_schema
        self._capabilities = ModelCapabilities(output_schema=takes_schema)

    @property
    def identity(self) -> str:
        """Name the server, the model for who names none, and the options of every request, for caches."""
        options = msgspec.json.encode(dict(self.options), enc_hook=repr, order="deterministic").decode()
        return f"wire {self._model} {options}"

    def complete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        call = self._call(request, streamed=False)
        return self._blocking.answered(call, whole(call, call.completion))

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""
        call = self._call(request, streamed=False)
        return await self._awaited.answered(call, whole(call, call.completion))

    def stream(self, request: CompletionRequest) -> Generator[CompletionChunk, None, None]:
        """Yield the answer in fragments; closing the generator stops the provider."""
        call = self._call(request, streamed=True)
        line = self._blocking.line_for(call)
        try:
            line.ask(call.request_bytes, call.answer, call.deadline)
            for chunk in fragments(call):
                if chunk is None:
                    line.receive(call.deadline)
                else:
                    yield chunk
        finally:
            line.close()

    async def astream(self, request: CompletionRequest) -> AsyncGenerator[CompletionChunk, None]:
        """Yield the answer in fragments; closing the generator, or cancelling its task, stops the provider."""
        call = self._call(request, streamed=True)
        line = await self._awaited.line_for(call)
        try:
            line.ask(call.request_bytes, call.answer, call.deadline)
            for chunk in fragments(call):
                if chunk is None:
                    await line.receive(call.deadline)
                else:
                    yield chunk
        finally:
            line.close()

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what the adapter was told of its server's models."""
        return self._capabilities

    def _call(self, request: CompletionRequest, *, streamed: bool) -> Call:
        refuse_offline("a model of this machine: model='embedded/smollm2'")
        model = request.model or self._model
        refuse_without_model(model)
        setup = self._setup_for(request.options)
        fields = {
            "model": model.removeprefix(_PREFIX),
            **request_fields(request, streamed=streamed, developer="system"),
            **setup.fields,
        }
        return Call(setup, _ENDPOINT, encoded(fields), model=model, timeout_s=request.timeout_s, streamed=streamed)
