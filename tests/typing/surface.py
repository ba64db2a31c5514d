"""What a user's type checker infers of the public surface: mypy reads this file, nothing runs it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict, assert_type

import msgspec
import pydantic

import llamabot as lmb
from llamabot.domain.streams import AsyncEventStream, EventStream
from llamabot.ports.docstore import AsyncCataloguePort
from llamabot.ports.loader import AsyncLoaderPort
from llamabot.ports.recorder import RunEvent, RunStatus
from llamabot.ports.summary import RunSummary
from llamabot.testing import FunctionCompletion, InMemoryDocStore, InMemoryRecorder, ScriptedCompletion


class Person(msgspec.Struct):
    name: str
    age: int


@dataclasses.dataclass
class Point:
    x: float


class Place(TypedDict):
    city: str


class Mood(enum.Enum):
    GOOD = "good"


class Address(pydantic.BaseModel):
    street: str


fake = ScriptedCompletion(["hi"])
memory = lmb.ChatMemory(turns=20)
limits = lmb.Limits(deadline_s=30)


def a_bot_answers() -> None:
    bot = lmb.SimpleBot("You are Feynman.", model="ollama_chat/qwen3", temperature=0)
    lmb.SimpleBot(
        lmb.developer("Be brief."),
        max_tokens=5,
        timeout_s=2,
        options={"top_p": 0.5},
        name="feynman",
        completion=fake,
        recorder=InMemoryRecorder(),
        memory=memory,
        limits=limits,
    )
    reply = bot("Explain QED")
    assert_type(reply, lmb.AssistantMessage)
    assert_type(reply.text, str)
    assert_type(reply.tool_calls, tuple[lmb.ToolCall, ...])
    assert_type(reply.reasoning, str | None)

    result = bot.run("Explain QED")
    assert_type(result, lmb.Result[lmb.AssistantMessage])
    assert_type(result.value, lmb.AssistantMessage)
    assert_type(result.text, str)
    assert_type(result.messages, tuple[lmb.Message, ...])
    assert_type(result.usage, lmb.Usage)
    assert_type(result.cost_usd, float | None)
    assert_type(result.finish_reason, lmb.FinishReason)
    assert_type(result.run_id, str)


def a_bot_streams() -> None:
    bot = lmb.SimpleBot()
    with bot.stream("Explain QED") as events:
        assert_type(events, EventStream[lmb.AssistantMessage])
        for event in events:
            match event:
                case lmb.TextDelta(text) | lmb.ReasoningDelta(text):
                    assert_type(text, str)
                case lmb.AttemptRejected(error):
                    assert_type(error, str)
                case lmb.Finished(result):
                    assert_type(result, lmb.Result[lmb.AssistantMessage])
        for text in events.text():
            assert_type(text, str)
        assert_type(events.result, lmb.Result[lmb.AssistantMessage])


def a_call_has_settings_of_its_own() -> None:
    bot = lmb.SimpleBot()
    bot("hi", memory=memory, limits=limits, options={}, tags={"user": "7"})
    bot.run("hi", memory=None)
    bot.stream("hi", tags={"user": "7"}, options={"api_key": lmb.Secret("k")})
    assert_type(bot.with_(model="openai/gpt-5-mini"), lmb.SimpleBot)


def messages_are_made() -> None:
    bot = lmb.SimpleBot()
    assert_type(lmb.user("What is this?", lmb.image("plot.png")), lmb.UserMessage)
    assert_type(lmb.image(url="https://example.org/a.png"), lmb.Image)
    assert_type(lmb.system("…"), lmb.SystemMessage)
    assert_type(lmb.developer("…"), lmb.DeveloperMessage)
    assert_type(lmb.assistant("…"), lmb.AssistantMessage)
    bot("a", lmb.user("b"), ["c", [lmb.image("d.png")]], [lmb.assistant("e"), lmb.user("f")])
    assert_type(lmb.to_json(lmb.user("a")), str)
    assert_type(lmb.from_json("{}"), lmb.Message)


def an_object_comes_back() -> None:
    assert_type(lmb.StructuredBot("Extract.", output=Person)("John is 25"), Person)
    assert_type(lmb.StructuredBot("Extract.", output=Point, max_attempts=2).run("…").value, Point)
    assert_type(lmb.StructuredBot("Extract.", output=Place)("…"), Place)
    assert_type(lmb.StructuredBot("Extract.", output=Address)("…"), Address)
    assert_type(lmb.StructuredBot("Extract.", output=list[Person])("…"), list[Person])
    assert_type(lmb.StructuredBot("Extract.", output=dict[str, int])("…"), dict[str, int])
    assert_type(lmb.StructuredBot("Extract.", output=Mood)("…"), Mood)
    assert_type(lmb.StructuredBot("Count.", output=int)("…"), int)
    assert_type(lmb.StructuredBot[Literal["a", "b"]]("Choose.")("…"), Literal["a", "b"])
    assert_type(lmb.StructuredBot[int | None]("Count.").run("…"), lmb.Result[int | None])
    assert_type(lmb.StructuredBot(output=Person).with_(max_attempts=5), lmb.StructuredBot[Person])
    with lmb.StructuredBot(output=Person).stream("…") as events:
        assert_type(events.result.value, Person)


async def bots_are_awaited() -> None:
    bot = lmb.AsyncSimpleBot("You are Feynman.", completion=FunctionCompletion(lambda request: "hi"), memory=memory)
    assert_type(await bot("Explain QED"), lmb.AssistantMessage)
    assert_type(await bot.run("Explain QED", limits=limits), lmb.Result[lmb.AssistantMessage])
    async with bot.stream("Explain QED") as events:
        assert_type(events, AsyncEventStream[lmb.AssistantMessage])
        async for event in events:
            if isinstance(event, lmb.Finished):
                assert_type(event.result, lmb.Result[lmb.AssistantMessage])
        async for text in events.text():
            assert_type(text, str)
    assert_type(bot.with_(temperature=1), lmb.AsyncSimpleBot)
    assert_type(await lmb.AsyncStructuredBot("Extract.", output=Person)("…"), Person)
    assert_type(await lmb.AsyncStructuredBot[Literal["a"]]()("…"), Literal["a"])


def defaults_are_set_and_replaced() -> None:
    lmb.configure(model="openai/gpt-5-mini", recorder="runs.db")
    lmb.configure(container=lmb.Container())
    with lmb.override(completion=ScriptedCompletion(["hi"])):
        lmb.SimpleBot()("hi")
    with lmb.span("nightly job") as run_id:
        assert_type(run_id, str)


@lmb.span("job", tags={"user": "7"})
def job(count: int) -> str:
    """Keep the signature of what a span decorates."""
    return str(count)


@lmb.span("job")
async def ajob(count: int) -> str:
    """Keep the signature of what a span decorates."""
    return str(count)


async def decorated_functions_keep_their_types() -> None:
    assert_type(job(1), str)
    assert_type(await ajob(1), str)


def the_log_is_read() -> None:
    recorder = lmb.SqliteRecorder("runs.db")
    for run in recorder.runs(tags={"user": "7"}, status="failed", since=datetime(2026, 11, 1, tzinfo=UTC)):
        assert_type(run, RunSummary)
        assert_type(run.run_id, str)
        assert_type(run.status, RunStatus)
        assert_type(run.bot, str)
        assert_type(run.model, str | None)
        assert_type(run.usage, lmb.Usage)
        assert_type(run.tags, Mapping[str, str])
    assert_type(recorder.events("run-1"), tuple[RunEvent, ...])
    assert_type(lmb.read_trace(recorder.events("run-1")), lmb.RunTrace)
    recorder.prune(keep_days=30)
    recorder.delete("run-1")
    recorder.close()


def memories_are_shared_by_bots_of_both_colours() -> None:
    chat = lmb.SqliteMemory("chat.db", conversation="user-7")
    lmb.SimpleBot(memory=chat)
    lmb.AsyncSimpleBot(memory=chat)
    lmb.StructuredBot(output=int, memory=lmb.ChatMemory(turns=None))


def errors_carry_what_the_run_had_reached() -> None:
    try:
        lmb.SimpleBot()("hi")
    except lmb.errors.RateLimited as error:
        assert_type(error.retry_after_s, float | None)
        assert_type(error.partial, lmb.AssistantMessage | None)
        assert_type(error.run_id, str | None)
        assert_type(error.messages, tuple[lmb.Message, ...])
        assert_type(error.usage, lmb.Usage | None)
    except lmb.errors.AnswerNotParsed as error:
        assert_type(error.attempts, tuple[lmb.errors.Attempt, ...])


class Pages:
    """An index that was there already, of which only what a bot asks is told."""

    relevant_score = 0.0

    def search(self, query: str, *, k: int = 8, where: Mapping[str, object] | None = None) -> tuple[lmb.Match, ...]:
        return ()


async def answers_come_from_documents() -> None:
    lmb.QueryBot(docstore=Pages(), where=None)
    lmb.AsyncQueryBot(docstore=Pages())
    store = InMemoryDocStore([lmb.Document(id="a", text="…", metadata={"lang": "en"})])
    bot = lmb.QueryBot("Answer.", docstore=store, k=3, where={"lang": "en"}, context_tokens=900, min_score=None)
    answer = bot("Which linkers?", k=5, where=None, min_score=0.5, docstore=store, memory=memory)
    assert_type(answer, lmb.Answer)
    assert_type(answer.sources, tuple[lmb.Match, ...])
    assert_type(answer.citations, tuple[lmb.Match, ...])
    assert_type(answer.unknown_citations, int)
    assert_type(bot.with_(not_found="Nothing.").run("…", context_tokens=9), lmb.Result[lmb.Answer])
    assert_type(bot.resume("run", docstore=store), lmb.Result[lmb.Answer])
    assert_type(bot.resume_stream("run", docstore=store).result, lmb.Result[lmb.Answer])
    for event in bot.stream("…", k=1):
        if isinstance(event, lmb.Retrieved):
            assert_type(event.matches, tuple[lmb.Match, ...])
    twin = lmb.AsyncQueryBot(docstore=store)
    assert_type(await twin("…", k=1), lmb.Answer)
    assert_type((await twin.run("…")).value.text, str)
    lmb.AgentBot(tools=[lmb.retrieval_tool(store, k=3), bot.as_tool("library")])
    bot("…", kk=1)  # type: ignore[call-arg]  # it is called k


async def tools_come_from_servers() -> None:
    box = lmb.McpToolbox.stdio("python", "server.py", env={"KEY": "x"}, cwd=".", name="files", allow=["read_*"])
    with box as opened:
        assert_type(opened, lmb.McpToolbox)
    async with lmb.McpToolbox.http("https://host/mcp", headers={"Authorization": "Bearer x"}, timeout_s=None) as web:
        assert_type(web, lmb.McpToolbox)
    lmb.McpToolbox.server(object(), idempotent=False)
    lmb.McpToolbox.stdio("server", alow=["a"])  # type: ignore[call-arg]  # it is called allow


def bots_map_over_inputs(store: lmb.FaissDocStore) -> None:
    with lmb.SimpleBot("Translate.").map(["a", lmb.user("b"), ["c", lmb.image("d.png")]], concurrency=20) as items:
        for item in items:
            assert_type(item, lmb.MapItem[lmb.AssistantMessage])
            assert_type(item.index, int)
            assert_type(item.value, lmb.AssistantMessage | None)
            assert_type(item.error, Exception | None)
            assert_type(item.usage, lmb.Usage)
            assert_type(item.run_id, str | None)
            assert_type(item.unwrap(), lmb.AssistantMessage)
    people = lmb.StructuredBot("Extract.", output=Person).map(iter(["a"]), as_completed=True, retry=None)
    assert_type([item.unwrap() for item in people], list[Person])
    (calls,) = lmb.ToolBot(tools=[print]).map(["a"], retry=lmb.RetryPolicy(attempts=5), limits=limits)
    assert_type(calls.unwrap(), tuple[lmb.ToolCall, ...])
    (answer,) = lmb.QueryBot(docstore=store).map(["a"], k=3, where=None, progress=True)
    assert_type(answer.unwrap(), lmb.Answer)
    lmb.SimpleBot().map([{"id": 1}], prompt=lambda row: row["id"], key=lambda row: row["id"], resume="rows")
    lmb.SimpleBot().map(["a"], progress=lambda progress: print(progress.done, progress.cost_usd))
    lmb.SimpleBot().map(["a"], memory=memory)  # type: ignore[call-arg]  # inputs do not know of each other
    lmb.SimpleBot().map(7)  # type: ignore[arg-type]  # not several


async def bots_map_awaited(rows: AsyncIterator[str]) -> None:
    async with lmb.AsyncStructuredBot(output=Person).map(rows, tags={"user": "7"}) as items:
        async for item in items:
            assert_type(item, lmb.MapItem[Person])
    async for found in lmb.AsyncQueryBot().map(["a"], k=3):
        assert_type(found.unwrap(), lmb.Answer)
    lmb.SimpleBot().map(rows)  # type: ignore[arg-type]  # a sync bot waits for nobody


def wrong_arguments_are_found_before_the_program_runs() -> None:
    lmb.SimpleBot(model_name="x")  # type: ignore[call-arg]  # it is called model
    lmb.SimpleBot()("hi", temperature=1)  # type: ignore[call-arg]  # a setting of the bot
    lmb.SimpleBot()(7)  # type: ignore[arg-type]  # no message
    lmb.StructuredBot(output=Person).with_(output=Point)  # type: ignore[call-arg]  # another type is another bot
    lmb.configure(modell="x")  # type: ignore[call-arg]  # it is called model


def folders_go_into_stores(store: lmb.FaissDocStore) -> None:
    assert_type(lmb.ingest("papers", docstore=store).failed, tuple[lmb.IngestFailure, ...])
    lmb.ingest({"old papers": Path("papers")}, docstore=store, glob=["*.md"], loader=lmb.FileLoader())
    lmb.ingest([Path("papers"), "notes"], docstore=store, progress=print)
    lmb.ingest("papers", store)  # type: ignore[call-arg]  # stores are told by name


async def folders_go_into_stores_of_either_colour(
    store: lmb.FaissDocStore, awaited: AsyncCataloguePort, loader: AsyncLoaderPort
) -> None:
    assert_type(await lmb.aingest("papers", docstore=store), lmb.IngestReport)
    await lmb.aingest("papers", docstore=awaited, loader=loader, glob="*.md", progress=print)
    lmb.ingest("papers", docstore=awaited)  # type: ignore[arg-type]  # `aingest` takes it


@lmb.tool
def add(left: int, right: int = 0) -> int:
    """Keep the signature of what is a tool."""
    return left + right


@lmb.tool(name="wait", timeout_s=5, terminal=True)
async def wait(context: lmb.RunContext[Mapping[str, int]]) -> str:
    """Keep the signature of what is a tool."""
    assert_type(context.state, Mapping[str, int])
    return context.run_id


async def tools_keep_their_types(context: lmb.RunContext[Mapping[str, int]]) -> None:
    assert_type(add(1, right=2), int)
    assert_type(await wait(context), str)
    assert_type(lmb.tool(add, name="plus")(1), int)
    assert_type(lmb.LocalToolbox([add, wait]).tools(), tuple[lmb.Tool, ...])
    add("1")  # type: ignore[arg-type]  # still what it was
    lmb.tool(add, timeout=5)  # type: ignore[call-overload]  # it is called timeout_s
