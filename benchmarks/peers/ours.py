"""Ours: on the direct adapter and on LiteLLM, with everything recorded to SQLite; and the start of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llamabot as lmb
from benchmarks.peers.tasks import ANSWER, MODEL, PROMPT, QUESTION, STEPS, SUM, Tasks, add

__all__ = ["on_litellm", "on_wire", "start_injected", "start_through_container"]


def on_wire(address: str) -> Tasks:
    """Return bots on the direct adapter."""
    return _bots(model=MODEL, completion=lmb.WireCompletion(base_url=address, api_key="none"))


def on_litellm(address: str) -> Tasks:
    """Return bots on LiteLLM."""
    return _bots(model=f"openai/{MODEL}", options={"api_base": address, "api_key": "none"})


def start_injected(address: str) -> Tasks:
    """Return a bot that is given all its ports, the log in memory."""
    ports: dict[str, Any] = {
        "completion": lmb.WireCompletion(base_url=address, api_key="none"),
        "recorder": lmb.InMemoryRecorder(),
    }
    return Tasks(call=lambda: lmb.SimpleBot(PROMPT, model=MODEL, **ports)(QUESTION).text)


def start_through_container(address: str) -> Tasks:
    """Return a bot that is given nothing: the container makes its ports, the log is a file."""

    import tempfile

    def call() -> str:
        with tempfile.TemporaryDirectory() as folder:
            lmb.configure(
                container=lmb.Container(),
                recorder=Path(folder) / "runs.db",
                options={"base_url": address, "api_key": "none"},
            )
            text = lmb.SimpleBot(PROMPT, model=f"wire/{MODEL}")(QUESTION).text
            lmb.close()
            return text

    return Tasks(call=call)


def _bots(**given: Any) -> Tasks:
    import tempfile

    from llamabot.testing import FunctionCompletion

    folder = tempfile.mkdtemp()  # as long as the process, which the contest gives a home that goes afterwards
    given["recorder"] = lmb.SqliteRecorder(Path(folder) / "runs.db")
    bot, waiting = lmb.SimpleBot(PROMPT, **given), lmb.AsyncSimpleBot(PROMPT, **given)
    agent = lmb.AgentBot(PROMPT, tools=[add], **given)
    lmb.configure(recorder="off")
    fake: dict[str, Any] = {"model": "fake", "completion": FunctionCompletion(_reply)}
    fake_bot, fake_agent = lmb.SimpleBot(PROMPT, **fake), lmb.AgentBot(PROMPT, tools=[add], **fake)
    log = lmb.InMemoryRecorder()
    recorded_bot, recorded_agent = fake_bot.with_(recorder=log), fake_agent.with_(recorder=log)
    limits = lmb.Limits(decisions=STEPS + 1, tool_calls=None)

    async def ask() -> str:
        return (await waiting(QUESTION)).text

    def stream() -> Iterator[Any]:
        yield from bot.stream(QUESTION)

    return Tasks(
        call=lambda: bot(QUESTION).text,
        acall=lambda: ask,
        stream=stream,
        agent=lambda: agent.run(SUM, limits=limits),
        fake_turn=lambda: fake_bot(QUESTION),
        fake_agent=lambda: fake_agent.run(SUM, limits=limits),
        recorded_turn=lambda: recorded_bot(QUESTION),
        recorded_agent=lambda: recorded_agent.run(SUM, limits=limits),
    )


def _reply(request: lmb.CompletionRequest) -> Any:
    asked = sum(isinstance(message, lmb.AssistantMessage) for message in request.messages)
    if not request.tools or asked >= STEPS:
        return ANSWER
    call = lmb.ToolCall(f"call-{asked}", "add", '{"a": 1, "b": 2}')
    return lmb.Completion(lmb.AssistantMessage("", tool_calls=(call,)), lmb.FinishReason.TOOL_CALLS)
