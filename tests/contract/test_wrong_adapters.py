"""Each contract catches an adapter with a bug, by the test that its promise has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import numpy
import pytest

import llamabot as lmb
from llamabot.ports.documents import Match
from llamabot.ports.messages import ToolMessage
from llamabot.ports.tools import ToolResult
from llamabot.testing import (
    FunctionCompletion,
    HashedEmbedding,
    InMemoryDocStore,
    InMemoryRecorder,
    ScriptedCompletion,
    VirtualClock,
)
from llamabot.testing.contracts import (
    AsyncCompletionContract,
    AsyncMemoryContract,
    ClockContract,
    CompletionContract,
    DocStoreContract,
    EmbeddingContract,
    MemoryContract,
    RecorderContract,
    ToolboxContract,
)

pytestmark = pytest.mark.slow


class _Streaming(ScriptedCompletion):
    def stream(self, request: Any) -> Any:
        yield from self.changed(list(super().stream(request)))


class DropsTheLastFragment(_Streaming):
    def changed(self, chunks: list[Any]) -> list[Any]:
        return [*chunks[:-2], chunks[-1]] if len(chunks) > 1 else chunks


class CountsUsageTwice(ScriptedCompletion):
    def complete(self, request: Any) -> Any:
        completion = super().complete(request)
        usage = completion.usage
        return msgspec.structs.replace(completion, usage=usage and usage + usage)


class LosesToolIds(_Streaming):
    def changed(self, chunks: list[Any]) -> list[Any]:
        def without(call: Any) -> Any:
            return msgspec.structs.replace(call, id="")

        return [msgspec.structs.replace(one, tool_calls=tuple(map(without, one.tool_calls))) for one in chunks]


class InventsAnEnd(FunctionCompletion):
    def stream(self, request: Any) -> Any:
        try:
            yield from super().stream(request)
        except lmb.errors.StreamTruncated:
            yield lmb.CompletionChunk(finish_reason=lmb.FinishReason.STOP)


class Retries(FunctionCompletion):
    def complete(self, request: Any) -> Any:
        try:
            return super().complete(request)
        except lmb.errors.CompletionError:
            return super().complete(request)


class AsksAtOnce(FunctionCompletion):
    def stream(self, request: Any) -> Any:
        return iter(list(super().stream(request)))


class TwinSaysMore(FunctionCompletion):
    async def acomplete(self, request: Any) -> Any:
        completion = self.complete(request)
        message = msgspec.structs.replace(completion.message, content=completion.message.text + "!")
        return msgspec.structs.replace(completion, message=message)


class Blocks(FunctionCompletion):
    async def acomplete(self, request: Any) -> Any:
        time.sleep(0.6)  # noqa: ASYNC251 - this is the bug
        return self.complete(request)


def scripted(contract: Any, kind: Any) -> Any:
    class Tests(contract):  # type: ignore[misc]  # a base that is given
        examples = 300  # a search ends where the bug is; a short profile tries a tenth

        def make(self) -> Any:
            echo = lambda request: f"you said: {request.messages[-1].text}"  # noqa: E731 - short
            return kind([echo] * 100) if issubclass(kind, ScriptedCompletion) else kind(echo)

        def make_saying(self, chunks: Any) -> Any:
            reply = list(chunks)
            return kind([reply] * 2) if issubclass(kind, ScriptedCompletion) else kind(lambda _: reply)

        def make_failing(self, status: int) -> Any:
            return kind(lambda _: lmb.errors.RateLimited("no", status_code=429))

        def requests_made(self, port: Any) -> int:
            return len(port.requests)

    return Tests


class Unsorted(InMemoryDocStore):
    def search(self, query: str, **how: Any) -> tuple[Match, ...]:
        return tuple(reversed(super().search(query, **how)))


class FiltersAfterCutting(InMemoryDocStore):
    def search(self, query: str, *, k: int = 8, where: Any = None) -> tuple[Match, ...]:
        found = super().search(query, k=k)
        left = super().search(query, k=10**6, where=where)
        return tuple(match for match in found if match in left)


class LooseFilter(InMemoryDocStore):
    def search(self, query: str, *, k: int = 8, where: Any = None) -> tuple[Match, ...]:
        found = super().search(query, k=10**6)
        named = (where or {}).items()
        return tuple(one for one in found if all(one.passage.metadata.get(name) == value for name, value in named))[:k]


class KeepsWordsOfTheRemoved(InMemoryDocStore):
    def remove(self, ids: Any) -> int:
        passages = self._passages
        count = super().remove(ids)
        self._passages = passages
        return count


class AddsByHalves(InMemoryDocStore):
    def add(self, documents: Any) -> Any:
        report = None
        for document in documents:
            report = super().add([document])
        return report or super().add([])


class CountsMessages(lmb.ChatMemory):
    def recall(self) -> Any:
        return super().recall()[-6:]


class ForgetsErrors(lmb.ChatMemory):
    def remember(self, turn: Any) -> None:
        super().remember([self._plain(message) for message in turn])

    def _plain(self, message: Any) -> Any:
        return msgspec.structs.replace(message, is_error=False) if isinstance(message, ToolMessage) else message


class HoldsTheList(lmb.ChatMemory):
    def remember(self, turn: Any) -> None:
        if turn:
            self._turns.append(turn)


class Everybody(lmb.ChatMemory):
    _shared: ClassVar[Any] = []

    def __init__(self) -> None:
        super().__init__(None)
        self._turns = self._shared


class TwinForgets(lmb.ChatMemory):
    async def aremember(self, turn: Any) -> None:
        await asyncio.sleep(0)


class NotUnit(HashedEmbedding):
    def embed(self, texts: Any) -> Any:
        return super().embed(texts) * numpy.float32(2)


class SortsByLength(HashedEmbedding):
    def embed(self, texts: Any) -> Any:
        return super().embed(sorted(texts, key=len))


class OfTheBatch(HashedEmbedding):
    def embed(self, texts: Any) -> Any:
        vectors = super().embed(texts)
        moved = vectors + vectors.mean(axis=0) if len(vectors) else vectors
        return (moved / numpy.linalg.norm(moved, axis=1, keepdims=True)).astype(numpy.float32)


class OtherRuns(InMemoryRecorder):
    def runs(self, **filters: Any) -> Any:
        return super().runs(**{**filters, "parent_id": None})


class Unordered(InMemoryRecorder):
    def append(self, events: Any) -> Any:
        return super().append(sorted(events, key=lambda event: getattr(event, "path", "")))


class TwoHands(InMemoryRecorder):
    def claim(self, run_id: str) -> Any:
        return InMemoryRecorder().claim(run_id)


class Seconds(VirtualClock):
    def now_ns(self) -> int:
        return super().now_ns() // 10**9


class Micro(VirtualClock):
    def monotonic_ns(self) -> int:
        return super().monotonic_ns() // 1000


class Raising:
    """A toolbox that lets what a tool raises through."""

    def __init__(self, *tools: Any) -> None:
        from llamabot.adapters.local import LocalToolbox

        self._box = LocalToolbox(tools)
        self.tools = self._box.tools

    def call(self, call: Any, context: Any) -> ToolResult:
        result = self._box.call(call, context)
        if result.is_error and "gate" in result.text:
            raise ValueError(result.text)
        return result


def add(left: int, right: int) -> int:
    """Add."""
    return left + right


def echo(text: str) -> str:
    """Echo."""
    return text


def fail(reason: str) -> str:
    """Fail."""
    raise ValueError(reason)


def made(contract: Any, make: Callable[[], Any], **body: Any) -> Any:
    return type("Tests", (contract,), {"make": lambda self: make(), "examples": 300, **body})


SLEEPS = {"let_pass": lambda self, clock, seconds: clock.sleep(seconds)}
WRONG: dict[str, tuple[Any, str]] = {
    "drops the last fragment": (scripted(CompletionContract, DropsTheLastFragment), "streams_any_answer"),
    "counts usage twice": (scripted(CompletionContract, CountsUsageTwice), "gives_any_answer_whole"),
    "loses a tool's id": (scripted(CompletionContract, LosesToolIds), "streams_any_answer"),
    "invents an end": (scripted(CompletionContract, InventsAnEnd), "tells_a_stream_without_an_end_from_a_whole_one"),
    "retries": (scripted(CompletionContract, Retries), "asks_no_second_time_where_it_failed"),
    "asks before the first next": (scripted(CompletionContract, AsksAtOnce), "makes_no_request_before_the_first_next"),
    "the twin says more": (scripted(AsyncCompletionContract, TwinSaysMore), "gives_the_same_answer_in_both_colours"),
    "stops the loop": (scripted(AsyncCompletionContract, Blocks), "does_not_stop_the_event_loop"),
    "unsorted": (made(DocStoreContract, Unsorted), "of_many_it_finds_the_best_whatever_k_and_the_filter_are"),
    "filters too late": (
        made(DocStoreContract, FiltersAfterCutting),
        "a_filter_has_all_its_matches_however_far_they_are",
    ),
    "takes True for 1": (made(DocStoreContract, LooseFilter), "takes_a_filter_for_what_it_says"),
    "finds the removed": (
        made(DocStoreContract, KeepsWordsOfTheRemoved),
        "what_was_removed_makes_room_for_what_is_farther",
    ),
    "adds by halves": (made(DocStoreContract, AddsByHalves), "refuses_what_is_no_document_and_adds_none"),
    "counts messages": (made(MemoryContract, CountsMessages, windows=(2,)), "never_parts_calls_from_their_results"),
    "forgets errors": (made(MemoryContract, ForgetsErrors), "never_parts_calls_from_their_results"),
    "holds the list": (made(MemoryContract, HoldsTheList), "keeps_no_hold_of_the_list_it_was_given"),
    "one memory for all": (made(MemoryContract, Everybody), "keeps_conversations_apart"),
    "an async twin that forgets": (made(AsyncMemoryContract, TwinForgets), "recalls_whole_turns_message_for_message"),
    "no unit rows": (made(EmbeddingContract, NotUnit), "gives_a_unit_row_for_each_text"),
    "sorts by length": (made(EmbeddingContract, SortsByLength), "keeps_the_order_of_the_texts_whatever_their_lengths"),
    "looks at the batch": (made(EmbeddingContract, OfTheBatch), "embeds_two_lists_as_it_embeds_them_joined"),
    "ignores a filter": (made(RecorderContract, OtherRuns), "finds_runs_by_every_filter_at_once"),
    "out of order": (made(RecorderContract, Unordered), "gives_back_what_was_appended_and_what_it_adds_up_to"),
    "two hands": (made(RecorderContract, TwoHands), "a_run_is_in_one_hand_at_a_time"),
    "counts seconds": (made(ClockContract, Seconds, **SLEEPS), "tells_the_time_of_day_in_nanoseconds_since_1970"),
    "counts microseconds": (made(ClockContract, Micro, **SLEEPS), "goes_on_by_as_much_as_passes"),
    "raises what a tool raises": (
        made(ToolboxContract, lambda: Raising(add, echo, fail)),
        "what_a_tool_raises_is_an_answer_without_a_traceback",
    ),
}


@pytest.mark.parametrize("bug", WRONG)
def test_an_adapter_with_a_bug_is_caught(bug: str) -> None:
    contract, promise = WRONG[bug]
    test = getattr(contract(), f"test_{promise}")
    marks = {mark.name: mark.args for mark in getattr(test, "pytestmark", ())}
    given = {"status": 429} if "status" in marks.get("parametrize", ()) else {}
    given |= {"kind": "list"} if "kind" in marks.get("parametrize", ()) else {}
    with pytest.raises((AssertionError, ValueError, lmb.errors.LlamabotError, pytest.fail.Exception)):
        test(**given)
