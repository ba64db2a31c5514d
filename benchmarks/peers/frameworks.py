"""Other libraries for agents, each as its documentation says, with its telemetry off."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.peers.tasks import PROMPT, QUESTION, STEPS, Tasks

__all__ = ["langgraph_agent", "openai_agents", "original", "pydantic_ai_agent"]

_MODEL, _ANSWER, _SUM = "canned", "Light and matter, one photon at a time.", "1 + 2?"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def pydantic_ai_agent(address: str) -> Tasks:
    """Return pydantic-ai; its fake is `FunctionModel`."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.usage import UsageLimits

    def agents(model: Any) -> tuple[Any, Any]:
        return Agent(model, system_prompt=PROMPT), Agent(model, system_prompt=PROMPT, tools=[add])

    def reply(messages: Any, info: Any) -> Any:
        asked = sum(isinstance(message, ModelResponse) for message in messages)
        if not info.function_tools or asked >= STEPS:
            return ModelResponse(parts=[TextPart(_ANSWER)])
        return ModelResponse(parts=[ToolCallPart("add", {"a": 1, "b": 2}, f"call-{asked}")])

    def real() -> tuple[Any, Any]:
        return agents(OpenAIChatModel(_MODEL, provider=OpenAIProvider(base_url=address, api_key="none")))

    async def stream() -> AsyncIterator[str]:
        async with awaited.run_stream(QUESTION) as result:
            async for text in result.stream_text(delta=True, debounce_by=None):
                yield text

    def acall() -> Any:
        fresh, _ = real()

        async def ask() -> str:
            return str((await fresh.run(QUESTION)).output)

        return ask

    plain, with_tool = real()
    awaited, _ = real()
    fake_plain, fake_with_tool = agents(FunctionModel(reply))
    enough = UsageLimits(request_limit=None)
    return Tasks(
        call=lambda: str(plain.run_sync(QUESTION).output),
        acall=acall,
        astream=stream,
        agent=lambda: with_tool.run_sync(_SUM, usage_limits=enough),
        fake_turn=lambda: fake_plain.run_sync(QUESTION),
        fake_agent=lambda: fake_with_tool.run_sync(_SUM, usage_limits=enough),
    )


def openai_agents(address: str) -> Tasks:
    """Return openai-agents; it has no fake, so its `Model` is implemented in a few lines."""
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

    set_tracing_disabled(True)
    tool = function_tool(add)

    class Fake(Model):
        """Answers at once."""

        async def get_response(self, **asked_with: Any) -> Any:
            said, tools = asked_with["input"], asked_with["tools"]
            asked = 0 if isinstance(said, str) else sum(item.get("type") == "function_call" for item in said)
            text = ResponseOutputText(annotations=[], text=_ANSWER, type="output_text")
            output: Any = ResponseOutputMessage(
                id="1", content=[text], role="assistant", status="completed", type="message"
            )
            if tools and asked < STEPS:
                output = ResponseFunctionToolCall(
                    arguments='{"a": 1, "b": 2}', call_id=f"call-{asked}", name="add", type="function_call"
                )
            return ModelResponse(output=[output], usage=Usage(requests=1), response_id=None)

        def stream_response(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    def agents(model: Any) -> tuple[Any, Any]:
        named = {"name": "peer", "instructions": PROMPT, "model": model}
        return Agent(**named), Agent(**named, tools=[tool])

    def real() -> tuple[Any, Any]:
        client = AsyncOpenAI(base_url=address, api_key="none", max_retries=0)
        return agents(OpenAIChatCompletionsModel(model=_MODEL, openai_client=client))

    async def stream() -> AsyncIterator[Any]:
        async for event in Runner.run_streamed(awaited, QUESTION).stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                yield event.data.delta

    def acall() -> Any:
        fresh, _ = real()

        async def ask() -> str:
            return str((await Runner.run(fresh, QUESTION)).final_output)

        return ask

    plain, with_tool = real()
    awaited, _ = real()
    fake_plain, fake_with_tool = agents(Fake())
    turns = STEPS + 2
    return Tasks(
        call=lambda: str(Runner.run_sync(plain, QUESTION).final_output),
        acall=acall,
        astream=stream,
        agent=lambda: Runner.run_sync(with_tool, _SUM, max_turns=turns),
        fake_turn=lambda: Runner.run_sync(fake_plain, QUESTION),
        fake_agent=lambda: Runner.run_sync(fake_with_tool, _SUM, max_turns=turns),
    )


def langgraph_agent(address: str) -> Tasks:
    """Return langgraph's agent of langchain on langchain-openai; its fake is a chat model in a few lines."""
    os.environ["LANGSMITH_TRACING"] = "false"
    from langchain.agents import create_agent
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, HumanMessage
    from langchain_core.outputs import ChatGeneration, ChatResult
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    class Fake(BaseChatModel):
        """Answers at once."""

        has_tools: bool = False

        @property
        def _llm_type(self) -> str:
            return "fake"

        def bind_tools(self, tools: Any, **_: Any) -> Any:
            return Fake(has_tools=True)

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
            asked = sum(isinstance(message, AIMessage) for message in messages)
            message = AIMessage(_ANSWER)
            if self.has_tools and asked < STEPS:
                call = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call-{asked}", "type": "tool_call"}
                message = AIMessage("", tool_calls=[call])
            return ChatResult(generations=[ChatGeneration(message=message)])

    def agents(model: Any) -> tuple[Any, Any]:
        return create_agent(model, system_prompt=PROMPT), create_agent(model, tools=[tool(add)], system_prompt=PROMPT)

    def real() -> tuple[Any, Any]:
        return agents(ChatOpenAI(model=_MODEL, base_url=address, api_key="none", max_retries=0, stream_usage=True))

    def asked(question: str) -> Any:
        return {"messages": [HumanMessage(question)]}

    def acall() -> Any:
        fresh, _ = real()

        async def ask() -> str:
            return str((await fresh.ainvoke(asked(QUESTION)))["messages"][-1].content)

        return ask

    plain, with_tool = real()
    fake_plain, fake_with_tool = agents(Fake())
    enough = {"recursion_limit": 4 * STEPS}
    return Tasks(
        call=lambda: str(plain.invoke(asked(QUESTION))["messages"][-1].content),
        acall=acall,
        stream=lambda: plain.stream(asked(QUESTION), stream_mode="messages"),
        agent=lambda: with_tool.invoke(asked(_SUM), enough),
        fake_turn=lambda: fake_plain.invoke(asked(QUESTION)),
        fake_agent=lambda: fake_with_tool.invoke(asked(_SUM), enough),
    )


def original(address: str) -> Tasks:
    """Return the library of this name before it was written anew.

    Its synchronous bot cannot hand out a stream, and its agent does not tell the server of tools' results as such.
    """
    from llamabot import AsyncSimpleBot, SimpleBot

    given = {"model_name": f"openai/{_MODEL}", "stream_target": "none", "api_base": address, "api_key": "none"}
    bot, fake = SimpleBot(PROMPT, **given), SimpleBot(PROMPT, mock_response=_ANSWER, **given)
    streaming = AsyncSimpleBot(PROMPT, **given)

    def acall() -> Any:
        fresh = AsyncSimpleBot(PROMPT, **given)

        async def ask() -> str:
            return str((await fresh(QUESTION)).content)

        return ask

    return Tasks(
        call=lambda: str(bot(QUESTION).content),
        acall=acall,
        astream=lambda: streaming.stream_async(QUESTION),
        fake_turn=lambda: fake(QUESTION),
    )
