"""The laws hold for the bots of this library, and each is broken by a bot that has the bug."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import msgspec
import pytest
from pocketflow import Flow

import llamabot as lmb
from llamabot.domain.graph.nodes import ANSWER, CALLS, ENDED, LOOP
from llamabot.ports.errors import UsageError
from llamabot.testing import InMemoryDocStore, InMemoryRecorder
from llamabot.testing.laws import LAWS, LawBroken, check_bot


class Person(msgspec.Struct):
    name: str
    age: int


def _tool(name: str, **flags: Any) -> lmb.Tool:
    parameters = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}
    return lmb.Tool(lmb.ToolSpec(name, "A tool.", parameters), **flags)


LOOK = _tool("look")
TOOLS = [
    LOOK,
    _tool("pay", idempotent=False),
    _tool("ask", needs_approval=True),
    _tool("alone", sequential=True),
    _tool("end", terminal=True),
]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
SHELF = InMemoryDocStore([lmb.Document("a", "Cats go on."), lmb.Document("b", "Dogs do not.")])


def graph(decide: Any = None, act: Any = None) -> Flow:
    """A graph of one's own: think, then act, then think again."""
    think, act, end = decide or lmb.DecideNode(), act or lmb.ToolsNode(), lmb.EndNode()
    think - CALLS >> act
    think - ANSWER >> end
    act - LOOP >> think
    act - ENDED >> end
    return Flow(start=think)


def agents(decide: Any = None, act: Any = None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    flow = graph(decide, act)
    return partial(lmb.AgentBot, "Act.", graph=flow), partial(lmb.AsyncAgentBot, "Act.", graph=flow)


def _both(kind: Any, twin: Any, *given: Any, **more: Any) -> tuple[Any, Any]:
    return partial(kind, *given, **more), partial(twin, *given, **more)


OURS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "simple": (_both(lmb.SimpleBot, lmb.AsyncSimpleBot, "Greet."), {}),
    "structured": (
        _both(lmb.StructuredBot, lmb.AsyncStructuredBot, "Extract.", output=Person),
        {"output": PERSON},
    ),
    "query": (_both(lmb.QueryBot, lmb.AsyncQueryBot, "Answer.", docstore=SHELF), {"ask": "Do cats go on?"}),
    "tool": (_both(lmb.ToolBot, lmb.AsyncToolBot, "Choose."), {"tools": [LOOK]}),
    "agent": (_both(lmb.AgentBot, lmb.AsyncAgentBot, "Act."), {"tools": TOOLS}),
    "graph": (agents(), {"tools": TOOLS}),
}


@pytest.mark.parametrize("kind", OURS)
def test_every_bot_of_ours_keeps_every_law(kind: str) -> None:
    makers, settings = OURS[kind]
    check_bot(*makers, examples=15, **settings)


def test_a_bot_of_one_colour_alone_is_tried_in_its_own_ways() -> None:
    check_bot(partial(lmb.AsyncAgentBot, "Act."), tools=[LOOK], examples=6)


def test_a_bot_with_a_deadline_waits_shorter_each_time_and_keeps_the_laws() -> None:
    hurried = {"limits": lmb.Limits(deadline_s=60)}
    check_bot(*_both(lmb.AgentBot, lmb.AsyncAgentBot, "Act.", **hurried), tools=[LOOK], examples=6)


class Forgetful(lmb.DecideNode):
    """Leaves out what the tools said."""

    def prep(self, shared: Any) -> Any:
        request, messages = super().prep(shared)
        return request, tuple(message for message in messages if not isinstance(message, lmb.ToolMessage))


class Piling(lmb.DecideNode):
    """Keeps what was said in a list of its own, which all calls share."""

    seen: list[lmb.Message] = []  # noqa: RUF012 - this is the bug

    def prep(self, shared: Any) -> Any:
        request, messages = super().prep(shared)
        self.seen.append(messages[-1])
        return msgspec.structs.replace(request, temperature=len(self.seen)), messages


_NUMBERS = count()


class Moody(lmb.DecideNode):
    """Looks at what no log knows."""

    def prep(self, shared: Any) -> Any:
        request, messages = super().prep(shared)
        return request, (*messages, lmb.user(f"attempt {next(_NUMBERS)}"))


class Hasty(lmb.ToolsNode):
    """Runs the calls twice, to be sure."""

    def exec(self, prep_res: Any) -> Any:
        yield from super().exec(prep_res)
        return (yield from super().exec(prep_res))


def without(kind: Any, *names: str, **others: Any) -> Callable[..., Any]:
    """Return a maker that leaves out some of what it is given."""

    def make(**ports: Any) -> Any:
        return kind("Act.", **{**{name: port for name, port in ports.items() if name not in names}, **others})

    return make


class Wrapped:
    """An agent with something wrong around it."""

    def __init__(self, **ports: Any) -> None:
        self.bot = lmb.AgentBot("Act.", **ports)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bot, name)


class Cutting(Wrapped):
    """Streams all but the last piece of text."""

    def stream(self, ask: Any) -> Any:
        return _Cut(self.bot.stream(ask))


class _Cut:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> Any:
        events = list(self._stream.__enter__())
        texts = [event for event in events if isinstance(event, lmb.TextDelta)]
        return iter([event for event in events if event is not (texts[-1] if len(texts) > 1 else None)])

    def __exit__(self, *error: Any) -> None:
        self._stream.__exit__(*error)


class Restarting(Wrapped):
    """Begins anew where it should go on."""

    def resume(self, run_id: str, **call: Any) -> Any:
        return self.bot.run("Go on.")


class Asking(Wrapped):
    """Replays by asking again."""

    def replay(self, run_id: str) -> Any:
        return self.bot.run("Go on.")


class Sticky(Wrapped):
    """Remembers the question on itself, and forgets whose it was."""

    def run(self, ask: Any, **call: Any) -> Any:
        self.question = getattr(self, "question", ask)
        return self.bot.run(self.question, **call)


class Silent(Wrapped):
    """Hides that it was cancelled."""

    def __init__(self, **ports: Any) -> None:
        super().__init__(**{**ports, "recorder": _NoEnds(ports["recorder"])})


class _NoEnds:
    durable = True

    def __init__(self, recorder: Any) -> None:
        self._recorder = recorder
        self.events, self.runs, self.claim = recorder.events, recorder.runs, recorder.claim

    def append(self, events: Any) -> Any:
        kept = [event for event in events if getattr(event, "status", "") != "cancelled"]
        return self._recorder.append(kept)


WRONG: dict[str, tuple[str, tuple[Any, ...]]] = {
    "the twin has another prompt": ("ways", (partial(lmb.AgentBot, "Act."), partial(lmb.AsyncAgentBot, "Act!"))),
    "the twin forgets the memory": ("ways", (partial(lmb.AgentBot, "Act."), without(lmb.AsyncAgentBot, "memory"))),
    "the recorder is another": ("ways", (without(lmb.AgentBot, recorder=InMemoryRecorder(durable=True)),)),
    "the last fragment is dropped": ("ways", (Cutting,)),
    "results of tools are left out": ("transcripts", agents(Forgetful())),
    "limits are ignored": ("limits", (without(lmb.AgentBot, "limits"),)),
    "the limit is off by one": ("limits", (lambda **ports: lmb.AgentBot("Act.", **_one_more(ports)),)),
    "a list is shared between calls": ("state", agents(Piling())),
    "the question stays on the bot": ("state", (Sticky,)),
    "a payment is made twice": ("crash", agents(act=Hasty())),
    "it begins anew instead of going on": ("crash", (Restarting,)),
    "what no log knows is asked": ("crash", agents(Moody())),
    "it hides that it was cancelled": ("cancel", (Silent,)),
    "a replay asks again": ("replay", (Asking,)),
}


def _one_more(ports: dict[str, Any]) -> dict[str, Any]:
    limits = ports.get("limits")
    if limits is None or limits.decisions is None:
        return ports
    return {**ports, "limits": msgspec.structs.replace(limits, decisions=limits.decisions + 1)}


@pytest.mark.parametrize("bug", WRONG)
def test_a_bot_with_a_bug_is_told_the_law_the_model_and_what_differed(bug: str) -> None:
    law, makers = WRONG[bug]
    with pytest.raises(LawBroken) as broken:
        check_bot(*makers, tools=[LOOK, TOOLS[1]], laws=[law], examples=900)
    assert broken.value.law == law
    message = str(broken.value)
    assert message.startswith(f"the law of {law!r}: {LAWS[law]}")
    assert "the model: Behaviour(" in message


def test_an_error_of_the_bots_own_is_told_with_the_model_that_it_came_of() -> None:
    class Picky(lmb.DecideNode):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
            if exec_res.message.tool_calls:
                raise KeyError("calls")
            return super().post(shared, prep_res, exec_res)

    with pytest.raises(LawBroken, match="the bot raised KeyError, which is no error of llamabot: 'calls'") as broken:
        check_bot(partial(lmb.AgentBot, decide=Picky()), tools=[LOOK], laws=["state"])
    assert (broken.value.law, type(broken.value.__cause__)) == ("state", KeyError)
    assert "the model: Behaviour(turns=(Turn(calls=(ToolCall(" in str(broken.value)


def test_the_smallest_model_is_told() -> None:
    with pytest.raises(LawBroken) as broken:
        check_bot(*agents(Forgetful()), tools=[LOOK], laws=["transcripts"], examples=750)
    assert "a request has a call without its result" in str(broken.value)
    assert str(broken.value).count("Turn(calls=(ToolCall(") == 1


def test_a_law_is_left_out_with_a_reason_and_by_its_name() -> None:
    check_bot(Restarting, tools=[LOOK], laws=["crash"], not_supported={"crash": "it is stateless, and cheap to ask"})
    with pytest.raises(UsageError, match="no law 'crsh'; there are ways, transcripts"):
        check_bot(Restarting, laws=["crsh"])
    with pytest.raises(UsageError, match="says no reason"):
        check_bot(Restarting, not_supported={"crash": ""})
