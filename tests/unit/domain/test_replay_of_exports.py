"""An export tells its run again, whatever it hides: credentials of today are hidden too before both are compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import llamabot as lmb
from llamabot.testing import ChatMemory, InMemoryRecorder, ScriptedCompletion

KEY = "sk-proj-abcdefghijklmnop1234567890"
JSON = f'{{"api_key": "{KEY}", "note": "none"}}'


@lmb.tool
def echo(text: str, api_key: str = "") -> dict[str, str]:
    """Say the same."""
    return {"password": api_key, "text": text}


@lmb.tool(terminal=True)
def give(text: str) -> dict[str, str]:
    """Give something."""
    return {"secret": text}


@lmb.tool(needs_approval=True)
def ask(text: str) -> str:
    """Say what someone has allowed."""
    return text


def calls(name: str, **arguments: str) -> lmb.AssistantMessage:
    return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", name, json.dumps(arguments)),))


def bot(secret: str, where: str) -> lmb.AgentBot:
    """Return an agent that meets a credential in one place."""
    model = ScriptedCompletion(["fine"])
    if where in ("arguments", "result"):
        model = ScriptedCompletion([calls("echo", text=secret, api_key=secret), f"it said {secret}"])
    elif where == "terminal":
        model = ScriptedCompletion([calls("give", text=secret)])
    elif where == "approval":
        model = ScriptedCompletion([calls("ask", text="x"), "fine"])
    settings: dict[str, Any] = {"options": {"headers": {"x-note": secret}}} if where == "options" else {}
    if where == "memory":
        settings["memory"] = memory = ChatMemory()
        memory.remember((lmb.user(secret), lmb.AssistantMessage(secret)))
    prompt = secret if where == "prompt" else "Act."
    recorder = InMemoryRecorder(durable=True)
    return lmb.AgentBot(prompt, tools=[echo, give, ask], completion=model, recorder=recorder, **settings)


def result_of(agent: lmb.AgentBot, secret: str, where: str) -> lmb.Result[Any]:
    try:
        return agent.run(secret if where == "question" else "go")
    except lmb.errors.ApprovalNeeded as error:
        answer = lmb.Approved(by=secret, arguments={"text": secret})
        return agent.resume(str(error.run_id), approvals={"c": answer})


@pytest.mark.parametrize("secret", [KEY, JSON, KEY + "y" * 2000], ids=["key", "json", "long"])
@pytest.mark.parametrize(
    "where", ["prompt", "question", "arguments", "result", "terminal", "approval", "options", "memory"]
)
def test_a_run_with_credentials_is_told_again_from_its_export(tmp_path: Path, secret: str, where: str) -> None:
    agent = bot(secret, where)
    result = result_of(agent, secret, where)
    path = tmp_path / "incident.llamabot.json"
    recorder: Any = agent._settings["recorder"]
    recorder.export(result.run_id, path)
    assert KEY not in path.read_text()
    told = agent.replay(path)
    assert told.text == result.text or "[secret]" in told.text
    assert [type(message) for message in told.messages] == [type(message) for message in result.messages]


def test_a_change_is_found_out_all_the_same_and_shows_no_credential(tmp_path: Path) -> None:
    agent = bot(KEY, "prompt")
    result = agent.run("go")
    path = tmp_path / "incident.llamabot.json"
    recorder: Any = agent._settings["recorder"]
    recorder.export(result.run_id, path)
    other = lmb.AgentBot(f"{KEY} and be kind.", tools=[echo, give, ask], recorder=recorder)
    with pytest.raises(lmb.errors.ReplayDiverged, match="and be kind") as diverged:
        other.replay(path)
    assert KEY not in str(diverged.value)
