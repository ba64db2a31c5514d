"""The contract of toolboxes."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given

from llamabot.ports.tools import RunContext, ToolCall, ToolResult
from llamabot.testing.contracts.contract import Contract, needs, not_made
from llamabot.testing.strategies import texts

__all__ = ["AsyncToolboxContract", "ToolboxContract"]

_BAD_ARGUMENTS = {
    "no JSON": "left=1",
    "cut": '{"left": 1, "ri',
    "a list": "[1, 2]",
    "text": '"1, 2"',
    "a wrong type": '{"left": {}, "right": 2}',
    "a fraction for a whole number": '{"left": 1.5, "right": 2}',
    "something left out": '{"left": 1}',
    "deep": '{"left": ' + "[" * 20_000,
    "deep and whole": '{"left": ' + "[" * 20_000 + "]" * 20_000 + ', "right": 2}',
    "nothing": "",
    "half a character": '{"left": "\ud800", "right": 2}',
}


class ToolboxContract(Contract):
    """Promises of `ToolboxPort`: `tools` and `call`.

        class TestMyToolbox(ToolboxContract):
            def make(self):
                return MyToolbox(a_server_with([add, echo, fail]))

    `make` returns a toolbox that offers, among others:

    - `add(left: int, right: int)`, which returns the sum,
    - `echo(text: str)`, which returns the text,
    - `fail(reason: str)`, which raises an exception with that reason: `ValueError(reason)`.

    Where the toolbox calls them otherwise (`sums__add`), `tool_name` says so. And this is promised:

    - `tools()` gives the same names in the same order each time; they are unique, of 1 to 64 of ASCII letters, digits,
      `_` and `-`.
    - The parameters of each tool are a JSON schema of `"type": "object"` at its root, without `$ref` there.
    - Each tool's `colour` is one that this colour can call: `both` or `sync` here.
    - A call is answered with a `ToolResult` that has the call's own id, also where the same was asked before: the text
      of what the tool returned, with `is_error` and `ends_run` false.
    - Text goes through unchanged, whatever characters are in it, and however long it is (120,000 of them). Half a
      character becomes U+FFFD, or an error.
    - An unknown name is an answer with `is_error` that names the tools that there are; it is never raised. `ADD` is not
      `add`.
    - Arguments that are no JSON, no object, that lack something or do not fit the types, are an answer with `is_error`
      and some text. So are those that are nested 20,000 deep.
      What merely is written as text, `"1"` for 1, may be taken for what it says, as our own toolbox does, or refused.
    - What a tool raises is an answer with `is_error` that has the reason in it and no traceback.
    - After a call that failed the next one is well; threads that call at once get each its own answer.
    """

    capabilities: ClassVar = {
        "echo": "a tool that returns any text as it is",
        "failing": "a tool that raises",
    }

    def make(self) -> Any:
        """Return the toolbox."""
        raise not_made(self)

    def tool_name(self, tool: str) -> str:
        """Return what `add`, `echo` or `fail` is called in this toolbox."""
        return tool

    def ask(self, box: Any, tool: str, arguments: str, call_id: str = "c1") -> ToolResult:
        """Call a tool once."""
        call = ToolCall(call_id, self.tool_name(tool), arguments)
        context = RunContext(run_id="r", call_id=call_id, idempotency_key=f"r:{call_id}", state=None)
        result = self.called(box, call, context)
        assert isinstance(result, ToolResult)
        assert result.call_id == call_id
        result.text.encode()
        return result

    def called(self, box: Any, call: ToolCall, context: RunContext[Any]) -> Any:
        """Return the answer to a call."""
        return box.call(call, context)

    colours: ClassVar[tuple[str, ...]] = ("both", "sync")

    def test_names_are_unique_stay_and_are_taken_by_providers(self) -> None:
        box = self.make()
        names = [tool.name for tool in box.tools()]
        wanted = [tool for tool, flag in _WANTED.items() if self.supports(flag)]
        assert {self.tool_name(tool) for tool in wanted} <= set(names)
        assert len(set(names)) == len(names)
        assert [tool.name for tool in box.tools()] == names
        assert [name for name in names if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)] == []

    def test_parameters_are_an_object_that_stands_alone(self) -> None:
        import jsonschema

        for tool in self.make().tools():
            schema = json.loads(msgspec.json.encode(tool.spec.parameters))
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
            assert "$ref" not in schema

    def test_can_be_called_the_way_that_a_tool_says(self) -> None:
        assert {tool.colour for tool in self.make().tools()} <= set(self.colours)

    def test_answers_a_call(self) -> None:
        result = self.ask(self.make(), "add", '{"left": 2, "right": 40}')
        assert (result.text.strip(), result.is_error, result.ends_run) == ("42", False, False)

    def test_answers_each_call_by_its_own_id(self) -> None:
        box = self.make()
        for call_id, number in (("call-1", 1), ("call-2", 2), ("call-3", 1)):
            assert self.ask(box, "add", f'{{"left": {number}, "right": 0}}', call_id).text.strip() == str(number)

    @needs("echo")
    def test_any_text_goes_through_unchanged(self) -> None:
        box = self.make()

        @self.searching
        @given(texts())
        def check(text: str) -> None:
            result = self.ask(box, "echo", json.dumps({"text": text}))
            assert (result.text, result.is_error) == (text, False)

        check()

    @needs("echo")
    def test_a_long_text_goes_through_to_its_end(self) -> None:
        text = "a word, and " * 10_000
        assert self.ask(self.make(), "echo", json.dumps({"text": text})).text == text

    @needs("echo")
    def test_half_a_character_becomes_a_mark(self) -> None:
        result = self.ask(self.make(), "echo", '{"text": "a\ud800"}')
        assert result.is_error or result.text == "a\ufffd"

    @pytest.mark.parametrize("name", ["subtract", "ADD", ""])
    def test_an_unknown_name_is_told_the_names_that_there_are(self, name: str) -> None:
        box = self.make()
        result = self.ask(box, name, '{"left": 1, "right": 2}')
        assert (result.is_error, result.ends_run) == (True, False)
        assert [tool.name for tool in box.tools() if tool.name not in result.text] == []

    @pytest.mark.parametrize("kind", _BAD_ARGUMENTS)
    def test_bad_arguments_are_an_answer(self, kind: str) -> None:
        result = self.ask(self.make(), "add", _BAD_ARGUMENTS[kind])
        assert (result.is_error, result.ends_run, bool(result.text)) == (True, False, True)

    @needs("failing")
    def test_what_a_tool_raises_is_an_answer_without_a_traceback(self) -> None:
        result = self.ask(self.make(), "fail", '{"reason": "the gate is closed"}')
        assert (result.is_error, result.ends_run) == (True, False)
        assert "the gate is closed" in result.text
        assert "Traceback" not in result.text

    @needs("failing")
    def test_a_call_that_failed_leaves_the_next_one_alone(self) -> None:
        box = self.make()
        self.ask(box, "fail", '{"reason": "once"}')
        assert not self.ask(box, "add", '{"left": 1, "right": 1}').is_error

    def test_sixteen_threads_get_each_its_own_answer(self) -> None:
        box = self.make()

        def work(number: int) -> list[str]:
            asked = [json.dumps({"left": number, "right": step}) for step in range(10)]
            return [self.ask(box, "add", arguments, f"c{number}").text.strip() for arguments in asked]

        with ThreadPoolExecutor(16) as pool:
            for number, answers in enumerate(pool.map(work, range(16))):
                assert answers == [str(number + step) for step in range(10)]


class AsyncToolboxContract(ToolboxContract):
    """Promises of `AsyncToolboxPort`: those of `ToolboxPort`, kept by `acall`, in one event loop after the other.

    Each tool's `colour` is `both` or `async`. Calls that are awaited at once get each its own answer.
    """

    colours: ClassVar[tuple[str, ...]] = ("both", "async")

    def called(self, box: Any, call: ToolCall, context: RunContext[Any]) -> Any:
        """Return the answer to a call."""
        return asyncio.run(box.acall(call, context))

    def test_calls_that_are_awaited_at_once_get_each_its_own_answer(self) -> None:
        box = self.make()

        async def several() -> list[ToolResult]:
            calls = [ToolCall(f"c{n}", self.tool_name("add"), f'{{"left": {n}, "right": 1}}') for n in range(16)]
            contexts = [RunContext(run_id="r", call_id=c.id, idempotency_key=f"r:{c.id}", state=None) for c in calls]
            return list(await asyncio.gather(*map(box.acall, calls, contexts)))

        answers = [(result.call_id, result.text.strip()) for result in asyncio.run(several())]
        assert answers == [(f"c{n}", str(n + 1)) for n in range(16)]


_WANTED = {"add": "add", "echo": "echo", "fail": "failing"}
