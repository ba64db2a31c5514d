"""Which tools are offered, how they are named, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.server import Server
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations
from tests.integration.mcp.asking import ask, context

import llamabot as lmb
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.tools import Tool as Offered

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
names = st.text(min_size=1, max_size=90).filter(str.strip)


def listing(*tools: Tool, page: int = 100, name: str = "s", circle: bool = False) -> Server[Any]:
    """Return a server that lists these tools, some on each page, and answers with the name it was called by."""

    async def pages(_: Any, params: Any) -> ListToolsResult:
        start = int(params.cursor) if params and params.cursor else 0
        following = str(start + page) if start + page < len(tools) else ("0" if circle else None)
        return ListToolsResult(tools=list(tools[start : start + page]), next_cursor=following)

    async def call(_: Any, params: Any) -> CallToolResult:
        return CallToolResult(content=[TextContent(text=params.name)])

    return Server(name, on_list_tools=pages, on_call_tool=call)


def plain(*tools: str) -> list[Tool]:
    return [Tool(name=name, input_schema={"type": "object"}) for name in tools]


def offered(server: object, **options: Any) -> Sequence[Offered]:
    with lmb.McpToolbox.server(server, **options) as box:
        return box.tools()


def offered_names(server: object, **options: Any) -> list[str]:
    return [tool.name for tool in offered(server, **options)]


class TestNames:
    def test_begin_with_the_name_of_the_server(self) -> None:
        assert offered_names(listing(*plain("add", "sub"), name="calc")) == ["calc__add", "calc__sub"]

    def test_begin_with_a_name_of_the_users_own(self) -> None:
        assert offered_names(listing(*plain("add")), name="my calc") == ["my_calc__add"]

    @settings(max_examples=30)
    @given(server=names, tools=st.lists(names, max_size=6, unique=True))
    def test_are_legal_unique_and_call_their_own_tool(self, server: str, tools: list[str]) -> None:
        with lmb.McpToolbox.server(listing(*plain(*tools)), name=server) as box:
            found = [tool.name for tool in box.tools()]
            assert all(NAME.fullmatch(name) for name in found)
            assert len(set(found)) == len(tools)
            asked = [box.call(lmb.ToolCall("c", name, "{}"), context()).text for name in found]
        assert asked == tools

    @settings(max_examples=30)
    @given(one=names, others=st.lists(names, max_size=4, unique=True))
    def test_do_not_depend_on_the_other_tools(self, one: str, others: list[str]) -> None:
        together = offered_names(listing(*plain(*[name for name in others if name != one], one)))
        assert together[-1:] == offered_names(listing(*plain(one)))

    def test_of_a_tool_that_is_listed_twice_are_offered_once(self) -> None:
        assert offered_names(listing(*plain("add", "add"))) == ["s__add"]


class TestTheList:
    def test_has_every_page_in_order(self) -> None:
        tools = [f"t{number}" for number in range(25)]
        assert offered_names(listing(*plain(*tools), page=4)) == [f"s__{name}" for name in tools]

    def test_that_goes_round_in_a_circle_is_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="without end"):
            offered(listing(*plain("a", "b"), page=1, circle=True))

    def test_may_be_empty(self) -> None:
        assert offered(listing()) == ()

    def test_is_seen_anew_by_the_next_run_and_goes_on_for_the_one_before(self) -> None:
        server = MCPServer("s")
        server.add_tool(lambda: "old", name="old")
        with lmb.McpToolbox.server(server, name="t") as box:
            before = box.tools()
            server.add_tool(lambda: "new", name="learnt", structured_output=False)
            assert ask(box, "learnt").is_error
            after = box.tools()
            assert [tool.name for tool in after] == [*(tool.name for tool in before), "t__learnt"]
            assert ask(box, "learnt").text == "new"

    def test_keeps_a_tool_callable_for_a_run_that_knew_it(self) -> None:
        server = MCPServer("s")
        server.add_tool(lambda: "old", name="old")
        with lmb.McpToolbox.server(server) as box:
            box.tools()
            server.remove_tool("old")
            assert box.tools() == ()
            result = box.call(lmb.ToolCall("c", "s__old", "{}"), context())
            assert result.is_error
            assert "old" in result.text
            assert "there is no tool 's__old'" not in result.text  # it is the server that says so


class TestAllowAndDeny:
    SERVER = listing(*plain("read_file", "read_folder", "write_file", "delete_file"))

    @pytest.mark.parametrize(
        ("options", "left"),
        [
            ({}, ["read_file", "read_folder", "write_file", "delete_file"]),
            ({"allow": ["write_file", "read_file"]}, ["read_file", "write_file"]),
            ({"allow": ["read_*"]}, ["read_file", "read_folder"]),
            ({"allow": "read_file"}, ["read_file"]),
            ({"allow": []}, []),
            ({"deny": ["delete_file", "purge_*"]}, ["read_file", "read_folder", "write_file"]),
            ({"allow": ["*_file"], "deny": ["delete_*"]}, ["read_file", "write_file"]),
        ],
    )
    def test_choose(self, options: dict[str, Any], left: list[str]) -> None:
        assert offered_names(self.SERVER, **options) == [f"s__{name}" for name in left]

    @pytest.mark.parametrize("options", [{"allow": ["raed_file"]}, {"allow": ["raed_*"]}, {"deny": ["raed_file"]}])
    def test_are_refused_where_they_name_what_is_not_there(self, options: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match=r"no tool 'raed_.*it has delete_file, read_file"):
            offered(self.SERVER, **options)

    def test_keep_a_tool_from_being_called_as_well(self) -> None:
        with lmb.McpToolbox.server(self.SERVER, deny=["delete_file"]) as box:
            for _ in range(2):
                result = box.call(lmb.ToolCall("c", "s__delete_file", "{}"), context())
                assert result.is_error
                assert "no tool 's__delete_file'" in result.text
                box.tools()


class TestASchema:
    WHOLE: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "place": {"$ref": "#/$defs/Place"},
            "mood": {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}], "default": None},
            "tree": {"type": "array", "items": {"oneOf": [{"const": 1}, {"enum": ["a"]}]}},
        },
        "required": ["place"],
        "additionalProperties": False,
        "$defs": {"Place": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Place"}}}},
    }

    def test_is_kept_whole(self) -> None:
        (tool,) = offered(listing(Tool(name="visit", description="Go.", input_schema=self.WHOLE)))
        assert tool.spec.parameters == self.WHOLE
        assert tool.spec.description == "Go."
        assert msgspec.json.decode(msgspec.json.encode(tool)) is not None

    def test_of_a_tool_without_arguments_is_an_object_all_the_same(self) -> None:
        (tool,) = offered(listing(*plain("now")))
        assert tool.spec.parameters == {"type": "object", "properties": {}}

    def test_that_refers_to_its_root_has_it_inlined(self) -> None:
        place = {"type": "object", "properties": {"next": {"$ref": "#/$defs/P"}}, "required": ["next"]}
        (tool,) = offered(
            listing(Tool(name="v", input_schema={"type": "object", "$ref": "#/$defs/P", "$defs": {"P": place}}))
        )
        assert tool.spec.parameters == {**place, "$defs": {"P": place}}


HINTS: list[tuple[dict[str, bool] | None, bool]] = [
    (None, True),
    ({}, True),
    ({"open_world_hint": True}, True),
    ({"read_only_hint": True}, True),
    ({"read_only_hint": True, "idempotent_hint": False}, True),
    ({"idempotent_hint": True}, True),
    ({"idempotent_hint": False}, False),
    ({"destructive_hint": True, "idempotent_hint": True}, True),
    ({"destructive_hint": True}, False),
    ({"destructive_hint": False}, False),
    ({"read_only_hint": False}, False),
]


class TestHints:
    @pytest.mark.parametrize(("hints", "repeats"), HINTS)
    def test_say_whether_a_tool_may_run_again(self, hints: dict[str, bool] | None, repeats: bool) -> None:
        server = listing(_hinted(hints))
        assert [tool.idempotent for tool in offered(server)] == [repeats]
        assert [tool.idempotent for tool in offered(server, idempotent=True)] == [True]
        assert [tool.idempotent for tool in offered(server, idempotent=False)] == [False]


def _hinted(hints: dict[str, bool] | None) -> Tool:
    annotations = None if hints is None else ToolAnnotations(**hints)  # type: ignore[arg-type]  # the keys are names
    return Tool(name="t", input_schema={"type": "object"}, annotations=annotations)
