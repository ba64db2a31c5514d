"""langgraph: langchain's agent on langchain-openai; its fake is a chat model in a few lines."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from benchmarks.peers.tasks import ANSWER, MODEL, PROMPT, QUESTION, STEPS, SUM, Ask, Tasks, add

__all__ = ["langgraph"]


def langgraph(address: str) -> Tasks:
    """Return what its agents do, on the server and on the fake."""
    plain, with_tool = _agents(_served(address))
    fake_plain, fake_with_tool = _agents(_Fake())
    enough: Any = {"recursion_limit": 4 * STEPS}

    def acall() -> Ask:
        fresh, _ = _agents(_served(address))

        async def ask() -> str:
            return _text(await fresh.ainvoke(_asked(QUESTION)))

        return ask

    return Tasks(
        call=lambda: _text(plain.invoke(_asked(QUESTION))),
        acall=acall,
        stream=lambda: plain.stream(_asked(QUESTION), stream_mode="messages"),
        agent=lambda: with_tool.invoke(_asked(SUM), enough),
        fake_turn=lambda: fake_plain.invoke(_asked(QUESTION)),
        fake_agent=lambda: fake_with_tool.invoke(_asked(SUM), enough),
    )


def _agents(model: BaseChatModel) -> tuple[Any, Any]:
    """Return an agent, and one with a tool."""
    return create_agent(model, system_prompt=PROMPT), create_agent(model, tools=[tool(add)], system_prompt=PROMPT)


def _served(address: str) -> BaseChatModel:
    return ChatOpenAI(model=MODEL, base_url=address, api_key="none", max_retries=0, stream_usage=True)


def _asked(question: str) -> Any:
    return {"messages": [HumanMessage(question)]}


def _text(state: Any) -> str:
    return str(state["messages"][-1].content)


class _Fake(BaseChatModel):
    """Answers at once."""

    has_tools: bool = False

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return _Fake(has_tools=True)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        asked = sum(isinstance(message, AIMessage) for message in messages)
        message = AIMessage(ANSWER)
        if self.has_tools and asked < STEPS:
            call: Any = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call-{asked}", "type": "tool_call"}
            message = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])
