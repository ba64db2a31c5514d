"""Transcripts: whole conversations as they are sent to a model, valid ones and ones broken in a named way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports.completion import CompletionRequest, OutputSchema
from llamabot.ports.messages import AssistantMessage, Message, SystemMessage, Text, ToolMessage, UserMessage
from llamabot.ports.tools import Tool, ToolCall, ToolSpec
from llamabot.testing.strategies.drawing import drawn
from llamabot.testing.strategies.schema import schemas
from llamabot.testing.strategies.tool import AnyTool, calls_of, tool_specs
from llamabot.testing.strategies.value import texts
from llamabot.testing.transcripts import HUGE, Breakage, Transcript

__all__ = ["broken_transcripts", "requests", "transcripts"]

Said: TypeAlias = tuple[Message, ...]
_LOOK = ToolSpec("look", "Look around.", {"type": "object", "properties": {"where": {"type": "string"}}})


def transcripts(
    tools: Iterable[AnyTool] = (_LOOK,), *, max_turns: int = 3, min_calls: int = 0
) -> SearchStrategy[Transcript]:
    """Transcripts that every provider takes, up to where the model is to speak.

    A system message or none, then turns: what the user says, decisions with calls and a result for each, the answer.

    Args:
        tools: that are called, with arguments that fit.
        max_turns: most questions of the user, the last, which is not answered yet, included.
        min_calls: how many calls the first decision has at least; 0 for transcripts that may be without any.
    """
    return drawn(_transcript, list(tools), max_turns, min_calls)


def broken_transcripts(*how: Breakage) -> SearchStrategy[Transcript]:
    """Transcripts with one thing wrong, of these kinds, or of any.

    A huge text is shown without its middle.

    Law: `breakages(transcript)` is that one kind.
    """
    return drawn(_broken_transcript, how)


def _broken_transcript(draw: DrawFn, how: tuple[Breakage, ...]) -> Transcript:
    breakage = draw(st.sampled_from(how or tuple(Breakage)))
    calls = {Breakage.ORPHAN_RESULT: 1, Breakage.MISSING_RESULT: 1, Breakage.EMPTY_ID: 1}.get(breakage, 2)
    whole = draw(transcripts(min_calls=0 if breakage in _OF_CONTENT else calls, max_turns=2))
    return Transcript(_BREAKING[breakage](draw, whole))


def requests(tools: Iterable[AnyTool] | None = None) -> SearchStrategy[CompletionRequest]:
    """Requests that a bot may make: a valid transcript, tools with a choice among them, or an output schema.

    Args:
        tools: None for any.
    """
    specs = None if tools is None else [tool.spec if isinstance(tool, Tool) else tool for tool in tools]
    return drawn(_request, specs)


def _request(draw: DrawFn, tools: Sequence[ToolSpec] | None) -> CompletionRequest:
    any_tools = st.lists(tool_specs(), max_size=2, unique_by=lambda spec: spec.name)
    offered = tuple(draw(any_tools) if tools is None else tools)
    choices = ["auto", "none", "required", *(spec.name for spec in offered)] if offered else ["auto"]
    output = draw(st.none() | st.builds(OutputSchema, st.just("answer"), schemas()))
    return CompletionRequest(
        "",
        draw(transcripts(offered, max_turns=2)),
        tools=offered,
        tool_choice=draw(st.sampled_from(choices)),
        output=output,
        temperature=draw(st.none() | st.sampled_from([0.0, 1.0])),
        max_tokens=draw(st.none() | st.sampled_from([1, 100])),
    )


def _transcript(draw: DrawFn, offered: Sequence[AnyTool], max_turns: int, min_calls: int) -> Transcript:
    said: list[Message] = []
    if draw(st.booleans()):
        said.append(SystemMessage(draw(_words)))
    said.append(UserMessage(draw(_words)))
    if min_calls:
        said += _decision(draw, offered, len(said), min_calls)
    decides = st.booleans() if offered else st.just(False)
    for _ in range(draw(st.integers(0, max_turns - 1))):
        if draw(decides):
            said += _decision(draw, offered, len(said), 1)
        said += [AssistantMessage(draw(_words)), UserMessage(draw(_words))]
    if draw(decides):
        said += _decision(draw, offered, len(said), 1)
    return Transcript(said)


_words: SearchStrategy[str] = st.sampled_from(["go", "so", "Zürich?"]) | texts(max_size=12)


def _decision(draw: DrawFn, offered: Sequence[AnyTool], at: int, least: int) -> list[Message]:
    """Return a message with calls, and their results; the ids are unique since each place is used once."""
    calls = [
        msgspec.structs.replace(call, id=f"call-{at}-{number}")
        for number, call in enumerate(draw(calls_of(offered, min_size=least, max_size=3)), 1)
    ]
    said = AssistantMessage(draw(st.sampled_from(["", "so"])), tool_calls=tuple(calls))
    return [said, *(_result(draw, call) for call in calls)]


def _result(draw: DrawFn, call: ToolCall) -> ToolMessage:
    return ToolMessage(draw(st.sampled_from(["ok", ""])), call_id=call.id, is_error=draw(st.booleans()))


def _orphan(draw: DrawFn, whole: Said) -> Said:
    """Leave out a call, whose result then answers nothing; or answer a call that nobody made."""
    at = draw(st.sampled_from(_places(whole, UserMessage)))
    stray = ToolMessage("ok", call_id="call-0")
    before = whole[: at + 1]
    return (*before, AssistantMessage("so"), stray, *whole[at + 1 :]) if draw(st.booleans()) else _uncalled(draw, whole)


def _uncalled(draw: DrawFn, whole: Said) -> Said:
    at, said = _with_calls(draw, whole)
    gone = draw(st.integers(0, len(said.tool_calls) - 1))
    kept = tuple(call for number, call in enumerate(said.tool_calls) if number != gone)
    return _with(whole, at, msgspec.structs.replace(said, tool_calls=kept))


def _missing(draw: DrawFn, whole: Said) -> Said:
    at = draw(st.sampled_from(_places(whole, ToolMessage)))
    return (*whole[:at], *whole[at + 1 :])


def _same_ids(draw: DrawFn, whole: Said) -> Said:
    """Give two calls of a message, and both results, one id."""
    at, said = _with_calls(draw, whole, least=2)
    first, second = said.tool_calls[:2]
    return _renamed(whole, at, second.id, first.id)


def _no_id(draw: DrawFn, whole: Said) -> Said:
    at, said = _with_calls(draw, whole)
    return _renamed(whole, at, draw(st.sampled_from(said.tool_calls)).id, "")


def _reordered(draw: DrawFn, whole: Said) -> Said:
    at, _ = _with_calls(draw, whole, least=2)
    first, second = whole[at + 1 : at + 3]
    return (*whole[: at + 1], second, first, *whole[at + 3 :])


def _empty(draw: DrawFn, whole: Said) -> Said:
    content = draw(st.sampled_from([(), (Text(""),), (Text("so"), Text(""))]))
    return _said(draw, whole, content)


def _half(draw: DrawFn, whole: Said) -> Said:
    half = draw(st.sampled_from("\ud83d\ude00"))
    return _said(draw, whole, draw(st.sampled_from(["", "so "])) + half)


def _huge(draw: DrawFn, whole: Said) -> Said:
    piece = draw(st.sampled_from(["x", "é ", "😀"]))
    return _said(draw, whole, (piece * HUGE)[:HUGE])


def _said(draw: DrawFn, whole: Said, content: Any) -> Said:
    """Put content in the place of what is in one message, of any role."""
    at = draw(st.integers(0, len(whole) - 1))
    return _with(whole, at, msgspec.structs.replace(whole[at], content=content))


def _with(whole: Said, at: int, message: Message) -> Said:
    return (*whole[:at], message, *whole[at + 1 :])


def _renamed(whole: Said, at: int, old: str, new: str) -> Said:
    """Give a call of the message at this place another id, and its result too."""
    said = whole[at]
    if not isinstance(said, AssistantMessage):
        raise TypeError(f"no message with calls is at {at}")
    calls = tuple(msgspec.structs.replace(call, id=new) if call.id == old else call for call in said.tool_calls)
    results = [
        msgspec.structs.replace(message, call_id=new)
        if isinstance(message, ToolMessage) and message.call_id == old
        else message
        for message in whole[at + 1 :]
    ]
    return (*whole[:at], msgspec.structs.replace(said, tool_calls=calls), *results)


def _with_calls(draw: DrawFn, whole: Said, least: int = 1) -> tuple[int, AssistantMessage]:
    found = [
        (at, message)
        for at, message in enumerate(whole)
        if isinstance(message, AssistantMessage) and len(message.tool_calls) >= least
    ]
    return draw(st.sampled_from(found))


def _places(whole: Said, kind: type[Message]) -> list[int]:
    return [at for at, message in enumerate(whole) if isinstance(message, kind)]


_OF_CONTENT = (Breakage.EMPTY_PARTS, Breakage.LONE_SURROGATES, Breakage.HUGE_TEXT)
_BREAKING: Mapping[Breakage, Callable[[DrawFn, Said], Said]] = {
    Breakage.ORPHAN_RESULT: _orphan,
    Breakage.MISSING_RESULT: _missing,
    Breakage.DUPLICATE_IDS: _same_ids,
    Breakage.EMPTY_ID: _no_id,
    Breakage.RESULTS_OUT_OF_ORDER: _reordered,
    Breakage.EMPTY_PARTS: _empty,
    Breakage.LONE_SURROGATES: _half,
    Breakage.HUGE_TEXT: _huge,
}
