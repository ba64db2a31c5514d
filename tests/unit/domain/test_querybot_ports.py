"""Where a QueryBot's store comes from, how it is searched, what the log keeps of it; both of them as tools."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.property.ways import WAYS
from tests.unit.domain.libraries import LINKERS, AsyncOnly, Away, Blocking, bot, linkers

import llamabot as lmb
from llamabot.adapters.wrap.metadata import MetadataRecorder
from llamabot.ports.errors import ConfigurationError, LimitReached, ReplayDiverged
from llamabot.ports.recorder import Blob, encode_event
from llamabot.testing import InMemoryDocStore, InMemoryRecorder, ScriptedCompletion

QUESTION = "Which linker?"
KEY = "sk-proj-abcdefghijklmnop1234567890"


def _kind(way: str) -> Any:
    return lmb.AsyncQueryBot if "async" in way else lmb.QueryBot


class TestTheStore:
    @pytest.mark.parametrize("way", WAYS)
    def test_is_asked_for_before_anything_is_done(self, way: str) -> None:
        recorder = InMemoryRecorder()
        asked, completion = bot([], kind=_kind(way), docstore=None, recorder=recorder)
        with pytest.raises(ConfigurationError, match="docstore="):
            WAYS[way](asked, (QUESTION,))
        assert (list(recorder.runs()), completion.requests) == ([], ())

    @pytest.mark.parametrize("way", WAYS)
    def test_of_an_override_beats_all_others(self, way: str) -> None:
        asked, _ = bot(["a", "b"], kind=_kind(way))
        with lmb.override(docstore=InMemoryDocStore(LINKERS[2:])):
            assert len(WAYS[way](asked, (QUESTION,)).value.sources) == 1
        assert len(WAYS[way](asked, (QUESTION,)).value.sources) == 3

    def test_may_be_given_to_a_call_alone(self) -> None:
        asked, _ = bot(["a"], docstore=None)
        assert len(asked(QUESTION, docstore=linkers()).sources) == 3

    def test_that_can_only_be_awaited_serves_async_bots(self) -> None:
        asked, _ = bot(["mold [1]"], kind=lmb.AsyncQueryBot, docstore=AsyncOnly())
        assert len(asyncio.run(asked(QUESTION)).citations) == 1
        with pytest.raises(ConfigurationError, match=r"AsyncOnly has no search\(\)"):
            bot([], docstore=AsyncOnly())
        plain, _ = bot([])
        with pytest.raises(ConfigurationError, match="AsyncOnly"):
            plain(QUESTION, docstore=AsyncOnly())

    @pytest.mark.parametrize("kind", [lmb.QueryBot, lmb.AsyncQueryBot])
    @pytest.mark.parametrize("wrong", [InMemoryDocStore, "store/", lmb.ChatMemory()])
    def test_that_is_none_is_refused_when_the_bot_is_made(self, kind: Any, wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match="docstore="):
            bot([], kind=kind, docstore=wrong)

    def test_that_is_only_sync_never_blocks_the_loop(self) -> None:
        store = Blocking()
        asked, _ = bot(["mold [1]"], kind=lmb.AsyncQueryBot, docstore=store)

        async def both() -> lmb.Answer:
            asking = asyncio.create_task(asked(QUESTION))
            await asyncio.to_thread(store.begun.wait, 20)
            store.freed.set()  # comes to this only because the loop is free
            answer: lmb.Answer = await asking
            return answer

        assert len(asyncio.run(both()).sources) == 3
        assert store.thread is not threading.main_thread()

    @pytest.mark.parametrize("way", WAYS)
    def test_that_takes_too_long_ends_at_the_deadline(self, way: str) -> None:
        store, recorder = Blocking(), InMemoryRecorder()
        asked, completion = bot(["mold [1]"], kind=_kind(way), docstore=store, recorder=recorder)
        with pytest.raises(LimitReached, match="deadline_s="):
            WAYS[way](asked.with_(limits=lmb.Limits(deadline_s=0.05)), (QUESTION,))
        assert not store.waited_in_vain, "the run has waited for it"
        store.freed.set()
        (run,) = recorder.runs()
        assert (run.status, completion.requests) == ("limited", ())
        for thread in threading.enumerate():
            if thread.name == "llamabot":
                thread.join(5)


class TestTheLog:
    def test_tells_what_was_looked_for_and_what_was_found(self) -> None:
        recorder = InMemoryRecorder()
        asked, _ = bot(["mold [1]"], recorder=recorder, docstore=linkers(relevant_score=0.4))
        result = asked.run(QUESTION, k=2, where={"lang": "en"})
        search, asking = lmb.read_trace(recorder.events(result.run_id)).effects
        assert search.search == lmb.effects.Retrieve(QUESTION, 2, {"lang": "en"})
        assert search.retrieval is not None
        assert search.retrieval.matches == linkers().search(QUESTION, k=2, where={"lang": "en"})
        assert search.retrieval.relevant_score == 0.4
        assert len(search.retrieval.tokens) == 2
        assert asking.request is not None
        assert asking.request.messages == result.messages[:-1]

    def test_has_each_passage_once_however_often_it_is_quoted(self) -> None:
        store = InMemoryDocStore(
            [lmb.Document(id=str(n), text=f"linker {n} and what is said of it\n" * 300) for n in range(5)]
        )
        recorder = InMemoryRecorder()
        asked, _ = bot(["a", "b"], docstore=store, context_tokens=50_000, recorder=recorder)
        first, second = asked.run("linker"), asked.run("linker")
        events = recorder.events(first.run_id)
        text = sum(len(match.passage.text) for match in first.value.sources)
        assert sum(len(encode_event(event)) for event in events) < 1.2 * text
        blobs = [
            {event.digest for event in recorder.events(run) if isinstance(event, Blob)}
            for run in (first.run_id, second.run_id)
        ]
        assert blobs[0] == blobs[1], "runs that find the same passages share them"
        assert lmb.read_trace(events).messages == first.messages

    def test_of_names_and_counts_alone_has_nothing_of_them(self) -> None:
        recorder = MetadataRecorder(InMemoryRecorder())
        asked, _ = bot(["mold [1]"], recorder=recorder)
        result = asked.run(QUESTION, where={"lang": "en"})
        told = b"".join(map(encode_event, recorder.events(result.run_id)))
        assert b"retrieve" in told
        assert not [word for word in (b"mold", b"tools.md", b"lang", b"linker") if word in told]

    def test_knows_the_settings_of_the_call(self) -> None:
        asked, completion = bot([lmb.errors.ProviderUnavailable("away"), "lld [1]"])
        with pytest.raises(lmb.errors.ProviderUnavailable) as caught:
            asked(QUESTION, k=2, where={"lang": "en"}, context_tokens=15, min_score=0.1)
        result = asked.resume(str(caught.value.run_id))
        assert completion.requests[0].messages == completion.requests[1].messages
        assert (len(result.value.sources), asked.replay(result.run_id).value) == (1, result.value)

    def test_a_bot_that_looks_for_something_else_is_found_out(self) -> None:
        asked, _ = bot(["mold [1]"])
        result = asked.run(QUESTION)
        with pytest.raises(ReplayDiverged, match=r"at 1 \(retrieve\)"):
            asked.with_(k=2).replay(result.run_id)

    def test_a_run_goes_on_with_a_store_that_is_given_again(self) -> None:
        asked, _ = bot(["mold [1]"], docstore=None)
        with pytest.raises(lmb.errors.DocStoreError) as caught:
            asked(QUESTION, docstore=Away())
        run_id = str(caught.value.run_id)
        with pytest.raises(ConfigurationError, match="docstore="):
            asked.resume(run_id)
        assert asked.resume(run_id, docstore=linkers()).text == "mold [1]"
        assert asked.resume(run_id).from_log, "what is only told again needs no store"

    @pytest.mark.parametrize("secret", [KEY, f"-----BEGIN PRIVATE KEY-----\n{'QUJD' * 40}\n"], ids=["key", "block"])
    @pytest.mark.parametrize("where", ["text", "source", "question"])
    def test_an_export_without_credentials_tells_the_run_again(self, tmp_path: Path, secret: str, where: str) -> None:
        text, source = f"linker {secret * 9 * (where == 'text')}", secret * (where == "source")
        documents = [lmb.Document(id=str(n), text=text, source=source) for n in range(4)]
        recorder = InMemoryRecorder()
        asked, _ = bot(["yes [1]"], docstore=InMemoryDocStore(documents), recorder=recorder, context_tokens=1_300)
        result = asked.run(f"linker? {secret * (where == 'question')}")
        path = tmp_path / "run.llamabot.json"
        recorder.export(result.run_id, path)
        assert secret[-30:].strip() not in path.read_text()
        told = asked.replay(path)
        assert (told.text, len(told.value.sources)) == (result.text, len(result.value.sources))


def _blobs(events: Any) -> set[str]:
    return {event.digest for event in events if isinstance(event, Blob)}


class TestAsTools:
    def test_another_bot_is_told_the_answer_and_where_it_is_from(self) -> None:
        library, _ = bot(["lld [2], not [9]"], name="library")
        call = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "library", '{"question": "Which linker?"}'),))
        agent = lmb.AgentBot(
            tools=[library.as_tool()], completion=ScriptedCompletion([call, "lld"]), recorder=InMemoryRecorder()
        )
        assert agent.run("?").messages[-2].text == "lld [2], not [9]\n\n[2] llvm.md"

    @pytest.mark.parametrize("store", [linkers(), AsyncOnly()], ids=["sync", "async"])
    @pytest.mark.parametrize("kind", [lmb.AgentBot, lmb.AsyncAgentBot])
    def test_an_agent_searches_a_store(self, kind: Any, store: Any) -> None:
        tool = lmb.retrieval_tool(store, k=1, where={"lang": "en"})
        calls = [
            lmb.AssistantMessage("", tool_calls=(lmb.ToolCall(name, "search_documents", f'{{"query": "{query}"}}'),))
            for name, query in (("a", "linker"), ("b", "opera"))
        ]
        agent = kind(tools=[tool], completion=ScriptedCompletion([*calls, "mold"]), recorder=InMemoryRecorder())
        run = agent.run("?")
        messages = (asyncio.run(_awaited(run)) if asyncio.iscoroutine(run) else run).messages
        assert messages[2].text == "[1]\n> tools.md\n>\n> mold is a linker: the fast linker"
        assert messages[4].text.startswith("No passage")


async def _awaited(given: Any) -> Any:
    return await given
