"""Models: answers that look at the request, and whole behaviours.

`completions_for` gives one answer that keeps to what was asked. `behaviours` gives a model that does not always: each
is a value (`Behaviour`) whose `completion()` is a port, and it says at each turn of a transcript the same, whoever asks
and how often. They shrink to the model that says "done".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.ports.completion import Completion, CompletionRequest, FinishReason
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import Tool, ToolCall, ToolSpec
from llamabot.testing.behaviour import Behaviour, Turn
from llamabot.testing.strategies.fitting import Schema, valid_values
from llamabot.testing.strategies.mistake import nearly_valid_json
from llamabot.testing.strategies.tool import AnyTool, arguments, calls_of, nearly_valid_arguments
from llamabot.testing.strategies.value import broken_texts, costs, model_names, texts, usages

__all__ = ["behaviours", "completions_for", "turns"]

_IDS = ("call-1", "call-2", "call-1-2", "")
_UNKNOWN = ("nowhere", "", "respond", "tööl")
_REFUSALS = ("I can't help with that.", "")


def completions_for(request: CompletionRequest) -> SearchStrategy[Completion]:
    """Answers that keep to a request: to its tools, its `tool_choice` and its output schema.

    Calls are of tools that are offered, with arguments that fit; there is one at least where one is required. A text
    answer to a request with an output schema is JSON that fits it.
    """
    offered = [tool for tool in request.tools if request.tool_choice in ("auto", "required", tool.name)]
    must = request.tool_choice not in ("auto", "none")
    text = texts() if request.output is None else valid_values(request.output.schema).map(json.dumps)
    answered = st.builds(AssistantMessage, text).map(lambda message: (message, FinishReason.STOP))
    called = st.builds(
        lambda said, calls: (AssistantMessage(said, tool_calls=calls), FinishReason.TOOL_CALLS),
        texts(max_size=12),
        calls_of(offered, min_size=1),
    )
    given = called if must else answered | called if offered else answered
    return st.builds(lambda said, *rest: Completion(*said, *rest), given, usages(), costs(), model_names())


def turns(tools: Iterable[AnyTool] = (), *, output: Schema | None = None) -> SearchStrategy[Turn]:
    """What a model may say once: an answer, calls, calls with mistakes, a refusal, an answer that was cut.

    Args:
        tools: that it knows.
        output: schema of the answers that are wanted; text then fits it, nearly fits it, or is no JSON at all.
    """
    return _turns(_specs(tools), output)


def behaviours(
    tools: Iterable[AnyTool] = (),
    *,
    output: Schema | None = None,
    max_turns: int = 4,
    loops: bool = True,
    busy: bool = False,
) -> SearchStrategy[Behaviour]:
    """Whole models: answers, calls, malformed calls, unknown tools, repeated and empty ids, refusals, loops.

    Args:
        tools: that the model knows; without any it only answers, and calls what does not exist.
        output: schema of the answers that are wanted. The last of all, `then`, fits it.
        max_turns: most turns before the last, or before they begin anew.
        loops: whether some models never come to an end: a bot that runs them needs a limit.
        busy: whether each turn but the last has calls: an answer would end the run of an agent.
    """
    one = _callings(_specs(tools)) if busy else _turns(_specs(tools), output)
    said = st.lists(one, max_size=max_turns).map(tuple)
    then = st.just(Turn("done")) if output is None else valid_values(output).map(json.dumps).map(Turn)
    again = st.sampled_from([False, False, False, loops]) if loops else st.just(False)
    return st.builds(Behaviour, said, then, again)


def _turns(specs: Sequence[ToolSpec], output: Schema | None) -> SearchStrategy[Turn]:
    kinds = [_answers(output), _misfits(), _refusals()]
    return st.one_of(kinds[0], _callings(specs), *kinds[1:])


def _answers(output: Schema | None) -> SearchStrategy[Turn]:
    if output is None:
        return st.builds(Turn, _words())
    return st.builds(Turn, valid_values(output).map(json.dumps) | nearly_valid_json(output) | _words())


@cache
def _words() -> SearchStrategy[str]:
    return st.sampled_from(["", "so", "Grüße 😀"]) | broken_texts(max_size=8)


@cache
def _misfits() -> SearchStrategy[Turn]:
    """Answers that were cut, that end for a reason of their own, that have reasoning or were not counted."""
    reasons = st.sampled_from([FinishReason.LENGTH, FinishReason.OTHER, FinishReason.STOP, FinishReason.TOOL_CALLS])
    return st.builds(
        Turn, _words(), finish_reason=reasons, reasoning=st.none() | _words(), usage=usages(), cost_usd=costs()
    )


@cache
def _refusals() -> SearchStrategy[Turn]:
    said = [Turn(text, finish_reason=FinishReason.CONTENT_FILTER) for text in _REFUSALS]
    refused = st.sampled_from([*said, Turn(refused=True)])
    # It draws no less than an answer does: hypothesis makes smaller what it has drawn, and draws nothing more.
    return st.builds(lambda turn, _: turn, refused, st.booleans())


def _callings(specs: Sequence[ToolSpec]) -> SearchStrategy[Turn]:
    """Turns with calls; an id may be empty, or one that was used before."""
    one = _one_calling(specs)
    several = st.lists(
        st.builds(lambda id_, call: ToolCall(id_, *call), st.sampled_from(_IDS), one), min_size=1, max_size=3
    )
    return st.builds(lambda text, calls: Turn(text, tuple(calls)), st.sampled_from(["", "so"]), several)


def _one_calling(specs: Sequence[ToolSpec]) -> SearchStrategy[tuple[str, str]]:
    """Name and arguments: mostly right, else with a mistake in them, or of a tool that there is not."""
    names = {spec.name for spec in specs}
    unknown = st.tuples(st.sampled_from([name for name in _UNKNOWN if name not in names]), st.sampled_from(["{}", ""]))
    if not specs:
        return unknown
    right = st.one_of([st.tuples(st.just(spec.name), arguments(spec)) for spec in specs])
    wrong = st.one_of([st.tuples(st.just(spec.name), nearly_valid_arguments(spec)) for spec in specs])
    return st.one_of(right, right, wrong, unknown)


def _specs(tools: Iterable[AnyTool]) -> list[ToolSpec]:
    return [tool.spec if isinstance(tool, Tool) else tool for tool in tools]
