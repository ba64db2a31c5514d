"""openai-agents; it has no fake, so its `Model` is implemented in a few lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents import (
    Agent,
    Model,
    ModelResponse,
    OpenAIChatCompletionsModel,
    Runner,
    Usage,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from benchmarks.peers.tasks import ANSWER, MODEL, PROMPT, QUESTION, STEPS, SUM, Ask, Tasks, add

__all__ = ["openai_agents"]


def openai_agents(address: str) -> Tasks:
    """Return what its agents do, on the server and on the fake."""
    set_tracing_disabled(True)
    plain, with_tool = _agents(_served(address))
    awaited, _ = _agents(_served(address))
    fake_plain, fake_with_tool = _agents(_Fake())
    turns = STEPS + 2

    def acall() -> Ask:
        fresh, _ = _agents(_served(address))

        async def ask() -> str:
            return str((await Runner.run(fresh, QUESTION)).final_output)

        return ask

    async def stream() -> AsyncIterator[str]:
        async for event in Runner.run_streamed(awaited, QUESTION).stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                yield event.data.delta

    return Tasks(
        call=lambda: str(Runner.run_sync(plain, QUESTION).final_output),
        acall=acall,
        astream=stream,
        agent=lambda: Runner.run_sync(with_tool, SUM, max_turns=turns),
        fake_turn=lambda: Runner.run_sync(fake_plain, QUESTION),
        fake_agent=lambda: Runner.run_sync(fake_with_tool, SUM, max_turns=turns),
    )


def _agents(model: Model) -> tuple[Agent[Any], Agent[Any]]:
    """Return an agent, and one with a tool."""
    named: dict[str, Any] = {"name": "peer", "instructions": PROMPT, "model": model}
    return Agent(**named), Agent(**named, tools=[function_tool(add)])


def _served(address: str) -> Model:
    client = AsyncOpenAI(base_url=address, api_key="none", max_retries=0)
    return OpenAIChatCompletionsModel(model=MODEL, openai_client=client)


class _Fake(Model):
    """Answers at once."""

    async def get_response(self, **asked_with: Any) -> ModelResponse:
        said, tools = asked_with["input"], asked_with["tools"]
        asked = 0 if isinstance(said, str) else sum(item.get("type") == "function_call" for item in said)
        output: Any = _message()
        if tools and asked < STEPS:
            output = ResponseFunctionToolCall(
                arguments='{"a": 1, "b": 2}', call_id=f"call-{asked}", name="add", type="function_call"
            )
        return ModelResponse(output=[output], usage=Usage(requests=1), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def _message() -> ResponseOutputMessage:
    text = ResponseOutputText(annotations=[], text=ANSWER, type="output_text")
    return ResponseOutputMessage(id="1", content=[text], role="assistant", status="completed", type="message")
