"""What every toolbox does, through `call` and through `acall`: a class of tests to inherit."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings

from llamabot.ports.tools import RunContext, ToolCall, ToolResult
from llamabot.testing import strategies

Way = Literal["call", "acall"]
BAD_ARGUMENTS = {
    "no JSON": "left=1",
    "cut": '{"left": 1, "ri',
    "a list": "[1, 2]",
    "text": '"1, 2"',
    "a wrong type": '{"left": {}, "right": 2}',
    "something left out": '{"left": 1}',
    "deep": '{"left": ' + "[" * 5_000,
    "deep and whole": '{"left": ' + "[" * 5_000 + "]" * 5_000 + ', "right": 2}',
    "nothing": "",
    "half a character": '{"left": "\ud800", "right": 2}',
}


class ToolboxContract:
    """Say how a toolbox is made that offers these three, and through which method they are called.

    - `add(left: int, right: int)` returns the sum,
    - `echo(text: str)` returns the text,
    - `fail(reason: str)` raises a `ValueError` of that reason.
    """

    way: Way = "call"

    def make(self) -> Any:
        """Return the toolbox."""
        raise NotImplementedError

    def name(self, tool: str) -> str:
        """Return what a tool is called in this toolbox."""
        return tool

    @pytest.fixture
    def box(self) -> Any:
        return self.make()

    def ask(self, box: Any, tool: str, arguments: str, call_id: str = "c1") -> ToolResult:
        """Call a tool once."""
        call = ToolCall(call_id, self.name(tool), arguments)
        context = RunContext(run_id="r", call_id=call_id, idempotency_key="k", state=None)
        result = box.call(call, context) if self.way == "call" else asyncio.run(box.acall(call, context))
        assert isinstance(result, ToolResult)
        assert result.call_id == call_id
        result.text.encode()
        return result

    def test_names_are_unique_stay_and_are_taken_by_providers(self, box: Any) -> None:
        names = [tool.name for tool in box.tools()]
        assert {self.name(tool) for tool in ("add", "echo", "fail")} <= set(names)
        assert len(set(names)) == len(names)
        assert [tool.name for tool in box.tools()] == names
        assert [name for name in names if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)] == []

    def test_parameters_are_an_object_that_stands_alone(self, box: Any) -> None:
        for tool in box.tools():
            schema = json.loads(msgspec.json.encode(tool.spec.parameters))
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
            assert "$ref" not in schema

    def test_can_be_called_the_way_that_a_tool_says(self, box: Any) -> None:
        colours = {"both", "sync" if self.way == "call" else "async"}
        assert {tool.colour for tool in box.tools()} <= colours

    def test_answers_a_call(self, box: Any) -> None:
        result = self.ask(box, "add", '{"left": 2, "right": 40}')
        assert (result.text.strip(), result.is_error, result.ends_run) == ("42", False, False)

    def test_any_text_goes_through_unchanged(self) -> None:
        box = self.make()

        @settings(max_examples=25, deadline=None)
        @given(strategies.texts())
        def check(text: str) -> None:
            result = self.ask(box, "echo", json.dumps({"text": text}))
            assert (result.text, result.is_error) == (text, False)

        check()

    def test_half_a_character_becomes_a_mark(self, box: Any) -> None:
        result = self.ask(box, "echo", '{"text": "a\ud800"}')
        assert result.is_error or result.text == "a\ufffd"

    def test_an_unknown_name_is_told_the_names_that_there_are(self, box: Any) -> None:
        result = self.ask(box, "subtract", "{}")
        assert result.is_error
        assert self.name("add") in result.text
        assert self.name("echo") in result.text

    @pytest.mark.parametrize("kind", BAD_ARGUMENTS)
    def test_bad_arguments_are_an_answer(self, box: Any, kind: str) -> None:
        result = self.ask(box, "add", BAD_ARGUMENTS[kind])
        assert (result.is_error, result.ends_run, bool(result.text)) == (True, False, True)

    def test_what_a_tool_raises_is_an_answer_without_a_traceback(self, box: Any) -> None:
        result = self.ask(box, "fail", '{"reason": "the gate is closed"}')
        assert (result.is_error, result.ends_run) == (True, False)
        assert "the gate is closed" in result.text
        assert "Traceback" not in result.text

    def test_a_call_that_failed_leaves_the_next_one_alone(self, box: Any) -> None:
        self.ask(box, "fail", '{"reason": "once"}')
        assert not self.ask(box, "add", '{"left": 1, "right": 1}').is_error

    def test_sixteen_threads_get_each_its_own_answer(self, box: Any) -> None:
        def work(number: int) -> list[str]:
            asked = [json.dumps({"left": number, "right": step}) for step in range(10)]
            return [self.ask(box, "add", arguments, f"c{number}").text.strip() for arguments in asked]

        with ThreadPoolExecutor(16) as pool:
            for number, texts in enumerate(pool.map(work, range(16))):
                assert texts == [str(number + step) for step in range(10)]
