"""What faults do to ports other than models, and what the decorator leaves as it was."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.documents import Document
from llamabot.ports.recorder import RunKind, RunStarted
from llamabot.testing import (
    Behaviour,
    ChatMemory,
    CountingIds,
    EchoToolbox,
    HashedEmbedding,
    InMemoryDocStore,
    InMemoryRecorder,
    ScriptedCompletion,
    Turn,
    VirtualClock,
)
from llamabot.testing import faults as f

LOOK = lmb.Tool(lmb.ToolSpec("look", "Look.", {"type": "object"}))
CALL = lmb.ToolCall("a", "look", "{}")
CONTEXT: Any = lmb.RunContext(run_id="r", call_id="a", idempotency_key="k", state=None)
STARTED = [RunStarted("r", 1, schema=1, kind=RunKind.BOT, bot="b")]


def test_a_tool_whose_answer_is_lost_has_run() -> None:
    box = EchoToolbox([LOOK])
    port = f.faulty(box, [f.LostAnswer(), f.Failure()])
    assert [tool.name for tool in port.tools()] == ["look"]
    for ran in (1, 1):
        with pytest.raises(lmb.errors.ToolboxUnavailable):
            port.call(CALL, CONTEXT)
        assert len(box.ran) == ran
    assert asyncio.run(port.acall(CALL, CONTEXT)).text == "look({})"


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("colour", [lmb.AgentBot, lmb.AsyncAgentBot])
def test_an_agent_goes_on_after_a_tool_whose_answer_was_lost(colour: Any, idempotent: bool) -> None:
    """A tool that may run again does, under its key; for one that must not, someone is asked."""
    box = EchoToolbox([lmb.Tool(LOOK.spec, idempotent=idempotent)])
    port, recorder = f.faulty(box, [f.LostAnswer()]), InMemoryRecorder(durable=True)
    behaviour = Behaviour((Turn(calls=(CALL,)),))
    bot = colour("Act.", tools=[port], completion=behaviour.completion(), recorder=recorder, ids=CountingIds())
    with pytest.raises(lmb.errors.ToolboxUnavailable):
        _whatever(bot.run("go"))
    if idempotent:
        assert _whatever(bot.resume("run-1")).text == "done"
        assert [key for _, key in box.ran] == [box.ran[0][1]] * 2
    else:
        with pytest.raises(lmb.errors.ToolOutcomeUnknown):
            _whatever(bot.resume("run-1"))
        assert _whatever(bot.resume("run-1", outcomes={"a": "it looked"})).text == "done"
        assert len(box.ran) == 1


def _whatever(given: Any) -> Any:
    async def awaited() -> Any:
        return await given

    return asyncio.run(awaited()) if asyncio.iscoroutine(given) else given


@pytest.mark.parametrize("colour", [lmb.AgentBot, lmb.AsyncAgentBot])
def test_a_tool_that_takes_longer_than_it_may_is_given_up_on_the_clock(colour: Any) -> None:
    clock = VirtualClock()
    port = f.faulty(EchoToolbox([lmb.Tool(LOOK.spec, timeout_s=50)]), [f.Slow(51), f.Slow(49)], clock=clock)
    turns = (Turn(calls=(CALL,)), Turn(calls=(lmb.ToolCall("b", "look", "{}"),)))
    bot = colour("Act.", tools=[port], completion=Behaviour(turns).completion(), clock=clock)
    told = [message.text for message in _whatever(bot.run("go")).messages if isinstance(message, lmb.ToolMessage)]
    assert "50" in told[0]
    assert told[1] == "look({})"
    assert clock.elapsed_s == 99


def test_a_slow_tool_uses_up_the_time_of_the_call() -> None:
    clock = VirtualClock()
    port = f.faulty(EchoToolbox([LOOK]), [f.Slow(3600)], clock=clock)
    completion = Behaviour((Turn(calls=(CALL,)),)).completion()
    bot = lmb.AgentBot("", tools=[port], completion=completion, clock=clock, limits=lmb.Limits(deadline_s=60))
    with pytest.raises(lmb.errors.LimitReached):
        bot.run("go")


def test_a_memory_fails_before_it_stores_or_after() -> None:
    memory = ChatMemory()
    port = f.faulty(memory, [None, f.Failure(), f.LostAnswer(), f.Failure()])
    assert port.recall() == ()
    for kept in (0, 1):
        with pytest.raises(lmb.errors.MemoryFailed):
            port.remember([lmb.user("go")])
        assert len(memory.recall()) == kept
    with pytest.raises(lmb.errors.MemoryFailed):
        asyncio.run(port.arecall())
    port.clear()
    assert asyncio.run(port.arecall()) == ()


def test_a_store_fails_where_it_is_told_to() -> None:
    store = InMemoryDocStore(relevant_score=0.5)
    port = f.faulty(store, [None, f.LostAnswer(), f.Failure()], on=["add", "search"], clock=(clock := VirtualClock()))
    port.add([Document("a", "cat")])
    with pytest.raises(lmb.errors.DocStoreError):
        port.add([Document("b", "cat")])
    with pytest.raises(lmb.errors.DocStoreError):
        port.search("cat")
    assert (port.remove(["b"]), port.count(), port.relevant_score) == (1, 1, 0.5)
    assert f.faulty(store, [f.Slow(9)], clock=clock).search("cat", k=1)[0].passage.document_id == "a"
    assert clock.elapsed_s == 9


def test_an_embedder_and_a_loader_fail_too() -> None:
    class Loader:
        def load(self, path: Any, *, source: str) -> tuple[Document, ...]:
            return (Document(source, "cat"),)

    port = f.faulty(HashedEmbedding(4), [f.Failure()])
    with pytest.raises(lmb.errors.EmbeddingError):
        asyncio.run(port.aembed(["cat"]))
    assert port.embed(["cat"]).shape == (1, port.dimensions)
    loader = f.faulty(Loader(), [f.Failure()])
    with pytest.raises(lmb.errors.DocumentUnreadable):
        loader.load("a", source="a")
    assert loader.load("a", source="a") == (Document("a", "cat"),)


@pytest.mark.parametrize(("fault", "kept"), [(f.Failure(), 0), (f.LostAnswer(), 1), (f.Slow(5), 1), (None, 1)])
@pytest.mark.parametrize("durable", [True, False])
def test_a_recorder_never_raises_where_it_may_not(durable: bool, fault: f.Fault | None, kept: int) -> None:
    recorder = InMemoryRecorder(durable=durable)
    port = f.faulty(recorder, [fault])
    ticket = port.append(STARTED)
    assert len(recorder.events("r")) == kept
    does_nothing = not durable and isinstance(fault, f.LostAnswer | f.Slow)
    assert f.struck(port) == (() if does_nothing or fault is None else (fault,))
    assert f.left_over(port) == ((fault,) if does_nothing else ())
    assert (ticket is None) is not durable
    if ticket is not None:
        failed = isinstance(fault, f.Failure | f.LostAnswer)
        assert isinstance(ticket.exception(), lmb.errors.RecorderError if failed else type(None))


def test_a_log_that_cannot_be_read_is_told() -> None:
    with f.faulty(InMemoryRecorder(), [f.Failure()], on=["events"]) as port:
        port.append(STARTED)
        with pytest.raises(lmb.errors.RecorderError):
            port.events("r")
        assert len(port.events("r")) == 1


def test_a_bot_goes_on_where_its_log_is_lost_and_stops_where_the_log_must_hold() -> None:
    for durable in (False, True):
        recorder = f.faulty(InMemoryRecorder(durable=durable), [f.Failure()] * 9)
        bot = lmb.SimpleBot("", completion=ScriptedCompletion(["done"]), recorder=recorder)
        if durable:
            with pytest.raises(lmb.errors.RecorderError):
                bot("go")
        else:
            assert bot("go").text == "done"


def test_the_decorated_port_has_what_the_port_has_and_no_more() -> None:
    class Sync:
        def recall(self) -> tuple[Any, ...]:
            return ()

        def remember(self, turn: Any) -> None:
            """Forget it."""

    port = f.faulty(Sync(), [])
    assert hasattr(port, "recall")
    assert not hasattr(port, "arecall")
    assert not hasattr(port, "clear")
    script = f.faulty(ScriptedCompletion(["a"]), [])
    assert script.complete(lmb.CompletionRequest("", ())).message.text == "a"
    script.assert_finished()
    assert repr(script).startswith("faulty(<")


def test_keys_are_bound_to_a_copy_that_shares_the_schedule() -> None:
    class Keyed(ScriptedCompletion):
        def with_secrets(self, secrets: Any) -> Any:
            return Keyed([f"with {secrets}"])

    port = f.faulty(Keyed([]), [f.Failure()])
    copy = port.with_secrets("key")
    with pytest.raises(lmb.errors.ProviderUnavailable):
        copy.complete(lmb.CompletionRequest("", ()))
    assert copy.complete(lmb.CompletionRequest("", ())).message.text == "with key"
    assert f.left_over(port) == ()


def test_threads_share_a_schedule_and_each_fault_strikes_once() -> None:
    port = f.faulty(EchoToolbox([LOOK]), [f.Failure(), None] * 20)

    def ask(_: int) -> bool:
        try:
            return not port.call(CALL, CONTEXT).is_error
        except lmb.errors.ToolboxUnavailable:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(60))) == 40
    assert f.left_over(port) == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: f.faulty(object(), []), "no port that faults befall: completion"),
        (
            lambda: f.faulty(ChatMemory(), [None, f.RateLimit()]),
            r"RateLimit\(\) befalls completions; what befalls memory",
        ),
        (lambda: f.faulty(ChatMemory(), [], on=["forget"]), r"on=\['forget'\]"),
        (lambda: f.left_over(ChatMemory()), "was not made by faulty"),
        (lambda: f.struck(ChatMemory()), "was not made by faulty"),
        (lambda: VirtualClock().advance(-1), "cannot go back by 1 s"),
    ],
)
def test_what_cannot_be_is_told_where_it_is_asked_for(make: Any, said: str) -> None:
    with pytest.raises(lmb.errors.UsageError, match=said):
        make()


def test_a_virtual_clock_moves_when_someone_waits() -> None:
    clock = VirtualClock(start_ns=5)
    assert (clock.now_ns(), clock.monotonic_ns(), clock.now_ns()) == (5, 0, 5)
    clock.sleep(1.5)
    asyncio.run(clock.asleep(0.5))
    assert (clock.now_ns(), clock.monotonic_ns(), clock.elapsed_s) == (2_000_000_005, 2_000_000_000, 2.0)
    assert repr(clock) == "VirtualClock(2 s later)"
