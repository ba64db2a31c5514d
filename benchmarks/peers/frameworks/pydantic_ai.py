"""pydantic-ai; its fake is `FunctionModel`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits

from benchmarks.peers.tasks import ANSWER, MODEL, PROMPT, QUESTION, STEPS, SUM, Ask, Tasks, add

__all__ = ["pydantic_ai"]


def pydantic_ai(address: str) -> Tasks:
    """Return what its agents do, on the server and on its fake."""
    plain, with_tool = _agents(_served(address))
    awaited, _ = _agents(_served(address))
    fake_plain, fake_with_tool = _agents(FunctionModel(_reply))
    enough = UsageLimits(request_limit=None)

    def acall() -> Ask:
        fresh, _ = _agents(_served(address))

        async def ask() -> str:
            return str((await fresh.run(QUESTION)).output)

        return ask

    async def stream() -> AsyncIterator[str]:
        async with awaited.run_stream(QUESTION) as result:
            async for text in result.stream_text(delta=True, debounce_by=None):
                yield text

    return Tasks(
        call=lambda: str(plain.run_sync(QUESTION).output),
        acall=acall,
        astream=stream,
        agent=lambda: with_tool.run_sync(SUM, usage_limits=enough),
        fake_turn=lambda: fake_plain.run_sync(QUESTION),
        fake_agent=lambda: fake_with_tool.run_sync(SUM, usage_limits=enough),
    )


def _agents(model: Model) -> tuple[Agent[Any, str], Agent[Any, str]]:
    """Return an agent, and one with a tool."""
    return Agent(model, system_prompt=PROMPT), Agent(model, system_prompt=PROMPT, tools=[add])


def _served(address: str) -> Model:
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=address, api_key="none"))


def _reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    asked = sum(isinstance(message, ModelResponse) for message in messages)
    if not info.function_tools or asked >= STEPS:
        return ModelResponse(parts=[TextPart(ANSWER)])
    return ModelResponse(parts=[ToolCallPart("add", {"a": 1, "b": 2}, f"call-{asked}")])
