"""What stands in `tools=`, and on which side of the event loop each toolbox is called."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.unit.domain.asking import asks, told

import llamabot as lmb
from llamabot.domain.toolset import Toolset, is_toolbox, toolboxes_of, tools_in
from llamabot.ports.errors import ConfigurationError
from llamabot.testing import EchoToolbox, InMemoryRecorder, ScriptedCompletion

LOOK = lmb.Tool(lmb.ToolSpec("look", "Look.", {"type": "object", "properties": {}}))


class Box:
    """A toolbox of one tool that notes where it is called."""

    def __init__(self, tool: lmb.Tool = LOOK) -> None:
        self.tool = tool
        self.called: list[str] = []

    def tools(self) -> tuple[lmb.Tool, ...]:
        return (self.tool,)

    def told(self, call: lmb.ToolCall, how: str) -> lmb.ToolResult:
        self.called.append(how)
        return lmb.ToolResult(call.id, how)


class SyncBox(Box):
    def call(self, call: lmb.ToolCall, context: Any) -> lmb.ToolResult:
        is_main = threading.current_thread() is threading.main_thread()
        return self.told(call, "sync, here" if is_main else "sync, in a thread")


class AsyncBox(Box):
    async def acall(self, call: lmb.ToolCall, context: Any) -> lmb.ToolResult:
        is_main = threading.current_thread() is threading.main_thread()
        return self.told(call, "async, here" if is_main else "async, in the background")


class BothBox(SyncBox, AsyncBox):
    pass


def _run(kind: Any, box: Any) -> list[str]:
    agent = kind(tools=[box], completion=ScriptedCompletion([asks(("look", {})), "done"]), recorder=InMemoryRecorder())
    run = agent.run("?")
    return told((asyncio.run(_awaited(run)) if asyncio.iscoroutine(run) else run).messages)


async def _awaited(coming: Any) -> Any:
    return await coming


@pytest.mark.parametrize(
    ("kind", "box", "where"),
    [
        (lmb.AgentBot, SyncBox, "sync, here"),
        (lmb.AgentBot, AsyncBox, "async, in the background"),
        (lmb.AgentBot, BothBox, "sync, here"),
        (lmb.AsyncAgentBot, SyncBox, "sync, in a thread"),
        (lmb.AsyncAgentBot, AsyncBox, "async, here"),
        (lmb.AsyncAgentBot, BothBox, "async, here"),
    ],
)
def test_a_toolbox_is_called_in_the_colour_that_it_has_else_in_that_of_the_bot(kind: Any, box: Any, where: str) -> None:
    assert _run(kind, box()) == [where]


class Forgetful(BothBox):
    """Offers its tool once, and runs none that it does not offer."""

    def tools(self) -> tuple[lmb.Tool, ...]:
        self.listed = getattr(self, "listed", 0) + 1
        return super().tools() if self.listed == 1 else ()


@pytest.mark.parametrize("kind", [lmb.AgentBot, lmb.AsyncAgentBot])
def test_a_list_is_made_once_a_run(kind: Any) -> None:
    box = Forgetful()
    assert len(_run(kind, box)) == 1
    assert box.listed == 1


def test_tells_a_toolbox_from_a_function_and_from_a_class_of_either() -> None:
    class Nothing:
        def tools(self) -> tuple[lmb.Tool, ...]:
            return ()

    for box in (SyncBox(), AsyncBox(), BothBox(), EchoToolbox([LOOK])):
        assert is_toolbox(box)
    for other in (SyncBox, AsyncBox, Nothing(), print, len, object()):
        assert not is_toolbox(other)


@pytest.mark.parametrize("wrong", [print, SyncBox(), 5, None], ids=["function", "toolbox", "number", "nothing"])
def test_tools_are_a_list(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^tools= is a list of functions and toolboxes, not "):
        tools_in(wrong)


def test_a_list_holds_functions_and_toolboxes() -> None:
    box = SyncBox()
    assert tools_in(iter([print, box])) == (print, box)
    for wrong in (5, "look", object()):
        with pytest.raises(ConfigurationError, match=r"^tools= holds functions and toolboxes, not "):
            tools_in([print, wrong])  # type: ignore[list-item]  # that is what is wrong


def test_functions_beside_each_other_share_a_toolbox_and_the_order_stays() -> None:
    def first() -> None:
        """Do it."""

    def second() -> None:
        """Do it."""

    def third() -> None:
        """Do it."""

    box = SyncBox()
    boxes = toolboxes_of([first, second, box, third])
    assert len(boxes) == 3
    assert boxes[1] is box
    listed = Toolset(boxes)
    assert [tool.name for tool in listed.list()] == ["first", "second", "look", "third"]
    assert listed.box("look") is box
    assert listed.box("first") is listed.box("second") is boxes[0]
    assert listed.box("fourth") is None
    assert Toolset(boxes).box("look") is box, "it is listed where it was not"


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^two tools are named 'look': give one of them another name$"):
        Toolset((SyncBox(), AsyncBox())).list()
