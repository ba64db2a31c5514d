"""What a model writes under the schema of its tools is read while it is written, however it is cut."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.adapters.llamacpp.tools import Contract, ToolAnswer, contract_of
from llamabot.adapters.llamacpp.wire import AnswerReader, Question
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason, OutputSchema
from llamabot.ports.errors import BadCompletion, ContextTooLong, ProviderUnavailable, RequestRejected
from llamabot.ports.tools import ToolSpec

texts = st.text(st.characters(codec="utf-8"), max_size=40)
arguments = st.dictionaries(texts, texts | st.integers() | st.lists(texts, max_size=2), max_size=3)
indents = st.sampled_from([None, 0, 2])

WEATHER = ToolSpec(
    "get_weather",
    "Get the weather\n of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ROUTE = ToolSpec(
    "route",
    "",
    {
        "type": "object",
        "properties": {"to": {"$ref": "#/$defs/Place"}, "by": {"enum": ["foot", "car"]}},
        "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}}},
    },
)


def read(fragments: list[str], finish_reason: str = "stop") -> Completion:
    """Read an answer that came in these fragments."""
    reader = AnswerReader(Question(b"{}", Contract({}, "", "respond")))
    events = [said(text) for text in fragments] + [said("", finish_reason)]
    return assemble(chunk for event in events if (chunk := reader.read(event)))


def said(text: str, finish_reason: str | None = None) -> bytes:
    return msgspec.json.encode({"choices": [{"delta": {"content": text}, "finish_reason": finish_reason}]})


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({place % (len(text) + 1) for place in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@given(texts, st.lists(st.integers(0, 200), max_size=20), indents, st.booleans())
def test_reads_words_however_they_are_cut(text: str, cuts: list[int], indent: int | None, ascii_only: bool) -> None:
    written = json.dumps({"tool": "respond", "text": text}, indent=indent, ensure_ascii=ascii_only)
    completion = read(cut(written, cuts))
    assert (completion.message.text, completion.message.tool_calls) == (text, ())
    assert completion.finish_reason is FinishReason.STOP


@given(arguments, st.lists(st.integers(0, 200), max_size=20), indents)
def test_reads_a_call_however_it_is_cut(given_: dict[str, object], cuts: list[int], indent: int | None) -> None:
    written = json.dumps({"tool": "get_weather", "arguments": given_}, indent=indent)
    completion = read(cut(written, cuts))
    (call,) = completion.message.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("get_weather", given_)
    assert (completion.message.text, completion.finish_reason) == ("", FinishReason.TOOL_CALLS)


@given(st.integers(0, 60))
def test_keeps_what_there_was_of_a_call_that_was_cut_off(length: int) -> None:
    written = '{"tool": "get_weather", "arguments": {"where": {"city": "Oslo"}}}'
    completion = read([written[:length]], "length")
    assert completion.finish_reason is FinishReason.LENGTH
    given_ = "".join(call.arguments for call in completion.message.tool_calls)
    assert given_ == written[:length].partition('"arguments": ')[2]


def test_streams_words_before_the_object_ends() -> None:
    answer = ToolAnswer("respond", b"")
    shown = [
        answer.feed(piece)[0] for piece in ('{"tool": "resp', 'ond", "text": "He', "llo \\u00", 'e9t\\u00e9"', "}")
    ]
    assert shown == ["", "He", "llo ", "été", ""]


def test_streams_arguments_before_the_call_ends() -> None:
    answer = ToolAnswer("respond", b"")
    pieces = ['{"tool": "add", "arguments": {"a": ', "1, ", '"b": 2', "}", "}"]
    calls = [call for piece in pieces for call in answer.feed(piece)[1]]
    assert [call.arguments for call in calls] == ['{"a": ', "1, ", '"b": 2', "}"]
    assert [bool(call.id) for call in calls] == [True, False, False, False]


def test_offers_the_tools_and_words() -> None:
    contract = contract_of(request(WEATHER, ROUTE))
    assert contract is not None
    assert [variant["properties"]["tool"]["const"] for variant in contract.schema["anyOf"]] == [
        "get_weather",
        "route",
        "respond",
    ]
    assert contract.schema["$defs"] == {"route-Place": {"type": "object", "properties": {"x": {"type": "number"}}}}
    assert contract.schema["anyOf"][1]["properties"]["arguments"]["properties"]["to"] == {"$ref": "#/$defs/route-Place"}
    assert contract.note.splitlines()[1:] == [
        'Get the weather of a city. {"tool": "get_weather", "arguments": {"city": string}}',
        '{"tool": "route", "arguments": {"to": {"x": number}, "by": "foot" | "car"}}',
        'To answer in words: {"tool": "respond", "text": string}',
    ]


def test_offers_what_was_chosen_and_nothing_else() -> None:
    assert offered(request(WEATHER, ROUTE, choice="required")) == ["get_weather", "route"]
    assert offered(request(WEATHER, ROUTE, choice="route")) == ["route"]
    assert contract_of(request(WEATHER, choice="none")) is None
    with pytest.raises(RequestRejected, match="'get_weather'"):
        contract_of(request(WEATHER, choice="get_wether"))


def test_a_tool_may_have_the_name_of_the_words() -> None:
    tool = ToolSpec("respond", "Write to the customer.", {"type": "object", "properties": {}})
    contract = contract_of(request(tool))
    assert contract is not None
    assert contract.respond == "respond_"
    assert offered(request(tool)) == ["respond", "respond_"]


def test_words_may_be_an_object_of_their_own() -> None:
    output = OutputSchema("p", {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]})
    contract = contract_of(msgspec.structs.replace(request(WEATHER), output=output))
    assert contract is not None
    assert contract.schema["anyOf"][1]["properties"]["text"] == output.schema
    assert read(['{"tool": "respond", "text": {"age', '": 25}}']).message.text == '{"age": 25}'


def test_leaves_out_what_the_runtime_cannot_enforce() -> None:
    schema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "^a{3}$"},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, True], "items": False},
            "kind": {"enum": ["pattern", True, False]},
        },
        "additionalProperties": False,
    }
    contract = contract_of(CompletionRequest("", (), output=OutputSchema("p", schema)))
    assert contract is not None
    assert contract.schema["properties"] == {
        "pattern": {"type": "string"},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {}]},
        "kind": {"enum": ["pattern", True, False]},
    }
    assert contract.schema["additionalProperties"] is False


def test_says_what_the_runtime_refused() -> None:
    reader = AnswerReader(Question(b"", None))
    refused = {"type": "exceed_context_size_error", "message": "…", "n_prompt_tokens": 20_031, "n_ctx": 4_096}
    with pytest.raises(ContextTooLong, match=r"20,031 tokens and 4,096 fit"):
        reader.read(msgspec.json.encode({"error": refused}))
    with pytest.raises(RequestRejected, match="no such thing"):
        reader.read(b'{"error": {"type": "invalid_request_error", "message": "no such thing"}}')
    with pytest.raises(ProviderUnavailable, match="out of memory"):
        reader.read(b'{"error": {"type": "server_error", "message": "out of memory"}}')
    for nonsense in (b"", b"{", b"[]", b'{"choices": 3}'):
        with pytest.raises(BadCompletion):
            reader.read(nonsense)


def request(*tools: ToolSpec, choice: str = "auto") -> CompletionRequest:
    return CompletionRequest("embedded/smollm2", (), tools=tools, tool_choice=choice)


def offered(asked: CompletionRequest) -> list[str]:
    contract = contract_of(asked)
    assert contract is not None
    return [variant["properties"]["tool"]["const"] for variant in contract.schema["anyOf"]]
