"""A QueryBot answers from the passages that it found, says which, and says so where it found none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.property.ways import WAYS
from tests.unit.domain.libraries import Away, bot, linkers
from tests.unit.domain.querying import QUESTION, ids_of, kind_for

import llamabot as lmb
from llamabot.domain.quotations import estimated_tokens
from llamabot.ports.errors import ConfigurationError, ContentRefused, UsageError
from llamabot.testing import InMemoryDocStore, InMemoryRecorder


class TestAnswering:
    @pytest.mark.parametrize("way", WAYS)
    def test_an_answer_has_its_text_its_sources_and_what_it_cites(self, way: str) -> None:
        asked, _ = bot(["lld [2], or mold [1]; see [2] and [7]."], kind=kind_for(way))
        answer = WAYS[way](asked, (QUESTION,)).value
        assert isinstance(answer, lmb.Answer)
        assert str(answer) == answer.text == "lld [2], or mold [1]; see [2] and [7]."
        assert ids_of(answer.sources) == ["mold", "lld", "ld"]
        assert ids_of(answer.citations) == ["lld", "mold"]
        assert answer.unknown_citations == 1
        assert answer.sources == linkers().search(QUESTION)

    def test_passages_are_the_users_words_and_never_the_systems(self) -> None:
        asked, completion = bot(["mold [1]"])
        result = asked.run(QUESTION)
        system, question = completion.requests[0].messages
        assert system == lmb.system("Answer from the passages.")
        assert isinstance(question, lmb.UserMessage)
        assert "\n[1]\n> tools.md\n>\n> mold is a linker: the fast linker\n\n[2]\n> llvm.md\n" in question.text
        assert question.text.endswith(f"\n\nQuestion: {QUESTION}")
        assert result.messages == (system, question, lmb.assistant("mold [1]"))

    def test_only_as_many_are_sent_as_have_room(self) -> None:
        asked, completion = bot(["b", "c"])
        one = estimated_tokens("[1]\n> tools.md\n>\n> mold is a linker: the fast linker")
        assert ids_of(asked(QUESTION, context_tokens=2 * one).sources) == ["mold", "lld"]
        assert ids_of(asked(QUESTION, k=1).sources) == ["mold"]
        assert "mold is a linker: the fast linker" in completion.requests[0].messages[-1].text

    def test_of_one_that_is_too_long_the_beginning_is_sent_and_told(self) -> None:
        asked, completion = bot(["a [1]"])
        cut = "[1]\n> tools.md\n>\n> mold is a linker:\n> …"
        answer = asked(QUESTION, context_tokens=estimated_tokens(cut))
        assert f"\n\n{cut}\n\n" in completion.requests[0].messages[-1].text
        (match,) = answer.sources
        assert (match.passage.text, match.passage.place.end) == ("mold is a linker:", len("mold is a linker:"))
        assert answer.citations == answer.sources

    def test_where_no_word_has_room_the_setting_is_named(self) -> None:
        asked, completion = bot(["a"])
        with pytest.raises(
            ConfigurationError, match=r"context_tokens=9 has no room.*take about 10; all of it fits into \d+"
        ):
            asked(QUESTION, context_tokens=9)
        assert completion.requests == ()

    def test_a_text_without_words_is_cut_all_the_same(self) -> None:
        store = InMemoryDocStore([lmb.Document(id="a", text=f"linker {'鏈' * 500}")])
        asked, _ = bot(["a"], docstore=store)
        (match,) = asked("linker", context_tokens=200).sources
        assert 100 < len(match.passage.text) < 200

    def test_a_filter_belongs_to_the_bot_or_to_the_call(self) -> None:
        asked, _ = bot(["a", "b"], where={"lang": "de"})
        assert ids_of(asked(QUESTION).sources) == ["ld"]
        assert ids_of(asked(QUESTION, where=None).sources) == ["mold", "lld", "ld"]

    def test_what_surrounds_the_question_stays_where_it_is(self) -> None:
        """A beginning of the answer is the last message."""
        asked, completion = bot(["mold [1]"])
        asked("Hello.", QUESTION, lmb.assistant("It is"))
        _, hello, question, beginning = completion.requests[0].messages
        assert (hello, beginning) == (lmb.user("Hello."), lmb.assistant("It is"))
        assert question.text.endswith(f"\n\nQuestion: {QUESTION}")

    def test_a_citation_may_begin_in_the_beginning_that_was_given(self) -> None:
        asked, _ = bot(["2], lld is one."])
        answer = asked(QUESTION, lmb.assistant("According to passage ["))
        assert (answer.text, ids_of(answer.citations)) == ("2], lld is one.", ["lld"])

    def test_examples_before_the_question_are_not_looked_up(self) -> None:
        recorder = InMemoryRecorder()
        asked, completion = bot(["mold [1]"], recorder=recorder)
        example = (lmb.user("Who sings?"), lmb.assistant("Ana [1]."))
        result = asked.run(*example, "About tools:", QUESTION)
        assert completion.requests[0].messages[1:3] == example
        search = lmb.read_trace(recorder.events(result.run_id)).effects[0].search
        assert search is not None
        assert search.query == f"About tools:\n{QUESTION}"

    def test_a_picture_goes_along_with_the_question(self) -> None:
        picture = lmb.image(data=b"\x89PNG\r\n\x1a\n")
        asked, completion = bot(["mold [1]"])
        answer = asked(lmb.user(QUESTION, picture))
        assert ids_of(answer.sources) == ["mold", "lld", "ld"]
        content = completion.requests[0].messages[-1].content
        assert content[1:] == (lmb.Text(QUESTION), picture)

    def test_a_picture_alone_cannot_be_looked_up(self) -> None:
        asked, _ = bot([])
        with pytest.raises(UsageError, match="ask with text"):
            asked(lmb.user(lmb.image(data=b"\x89PNG\r\n\x1a\n")))

    def test_a_refused_answer_is_an_error(self) -> None:
        refusal = lmb.Completion(lmb.AssistantMessage("mo"), lmb.FinishReason.CONTENT_FILTER)
        asked, _ = bot([refusal])
        with pytest.raises(ContentRefused):
            asked(QUESTION)


class TestFindingNothing:
    @pytest.mark.parametrize("way", WAYS)
    def test_it_says_so_and_asks_no_model(self, way: str) -> None:
        asked, completion = bot([], kind=kind_for(way), not_found="Nichts.")
        result = WAYS[way](asked, ("Who sings?",))
        assert result.value == lmb.Answer("Nichts.")
        assert (result.text, result.finish_reason, result.usage) == ("Nichts.", lmb.FinishReason.STOP, lmb.Usage())
        assert result.messages[1:] == (lmb.user("Who sings?"), lmb.assistant("Nichts."))
        assert completion.requests == ()

    def test_it_has_words_of_its_own(self) -> None:
        asked, _ = bot([])
        assert "found nothing" in str(asked("Who sings?"))

    def test_what_is_good_enough_is_the_stores_own_unless_it_is_said(self) -> None:
        asked, _ = bot(["a", "b"], docstore=linkers(relevant_score=0.9))
        assert asked(QUESTION).sources == ()
        assert ids_of(asked(QUESTION, min_score=0.0).sources) == ["mold", "lld", "ld"]
        best, second, _ = linkers().search(QUESTION)
        assert ids_of(asked(QUESTION, min_score=second.score).sources) == ["mold", "lld"]
        assert asked(QUESTION, min_score=best.score * 1.01).sources == ()

    def test_a_store_that_cannot_tell_has_no_threshold(self) -> None:
        class Distant:
            relevant_score = 0.0

            def search(self, query: str, **_: Any) -> Any:
                return [lmb.Match(linkers().search("mold")[0].passage, -0.5)]

        asked, _ = bot(["a"], docstore=Distant())
        assert ids_of(asked(QUESTION).sources) == ["mold"]

    def test_the_log_has_it_and_tells_it_again(self) -> None:
        recorder = InMemoryRecorder()
        asked, _ = bot([], recorder=recorder, memory=lmb.ChatMemory())
        result = asked.run("Who sings?")
        trace = lmb.read_trace(recorder.events(result.run_id))
        assert [effect.effect for effect in trace.effects] == ["recall", "retrieve", "say", "remember"]
        assert (trace.messages, trace.summary.status) == (result.messages, "completed")
        assert asked.replay(result.run_id).value == result.value

    def test_other_words_are_another_answer(self) -> None:
        asked, _ = bot([])
        result = asked.run("Who sings?")
        with pytest.raises(lmb.errors.ReplayDiverged, match="Nichts"):
            asked.with_(not_found="Nichts.").replay(result.run_id)


class TestStreaming:
    def test_what_was_found_is_told_before_the_first_text(self) -> None:
        asked, _ = bot(["mold [1]"])
        with asked.stream(QUESTION) as events:
            first, second, *_ = events
        assert isinstance(first, lmb.Retrieved)
        assert ids_of(first.matches) == ["mold", "lld", "ld"]
        assert isinstance(second, lmb.TextDelta)

    def test_a_question_that_is_made_is_not_the_answer(self) -> None:
        memory = lmb.ChatMemory()
        memory.remember([lmb.user("a"), lmb.assistant("b")])
        asked, _ = bot(["Is lld a linker?", "Yes [1]."], memory=memory)
        with asked.stream("and lld?") as events:
            assert "".join(events.text()) == "Yes [1]."

    def test_words_for_nothing_are_streamed_too(self) -> None:
        asked, _ = bot([])
        with asked.stream("Who sings?") as events:
            found, said, finished = events
        assert found == lmb.Retrieved(())
        assert isinstance(finished, lmb.Finished)
        assert said == lmb.TextDelta(finished.result.text)


class TestSettings:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"k": 0},
            {"k": "3"},
            {"k": None},
            {"context_tokens": 0},
            {"min_score": float("nan")},
            {"min_score": "high"},
            {"where": ["lang"]},
            {"where": {"lang": "\ud800"}},
            {"where": {"size": float("inf")}},
        ],
        ids=repr,
    )
    def test_what_leads_to_nothing_is_refused_by_the_bot_and_by_the_call(self, wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            bot([], **wrong)
        asked, _ = bot([])
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            asked(QUESTION, **wrong)

    def test_a_filter_by_a_list_is_refused(self) -> None:
        with pytest.raises(UsageError, match="'lang' to look for is a list"):
            bot([], where={"lang": ["de", "en"]})

    def test_a_filter_that_changes_later_does_not_change_the_bot(self) -> None:
        where = {"lang": "de"}
        asked, _ = bot(["a"], where=where)
        where["lang"] = "en"
        assert ids_of(asked(QUESTION).sources) == ["ld"]

    def test_a_copy_has_other_settings(self) -> None:
        asked, _ = bot(["a", "b"])
        assert ids_of(asked.with_(k=1)(QUESTION).sources) == ["mold"]
        assert len(asked(QUESTION).sources) == 3
        assert "k=1" in repr(asked.with_(k=1))

    def test_other_bots_say_where_a_store_belongs(self) -> None:
        with pytest.raises(lmb.errors.UnknownArgument, match=r"lmb\.QueryBot"):
            lmb.SimpleBot(docstore=linkers())  # type: ignore[call-arg]  # the mistake is what is tested

    def test_a_store_that_fails_fails_the_run(self) -> None:
        recorder = InMemoryRecorder()
        asked, _ = bot([], docstore=Away(), recorder=recorder)
        with pytest.raises(lmb.errors.DocStoreError) as caught:
            asked(QUESTION)
        (run,) = recorder.runs()
        assert (run.status, run.run_id) == ("failed", caught.value.run_id)
        other = asked.with_(docstore=linkers(), completion=bot(["mold [1]"])[1])
        assert other.resume(run.run_id).text == "mold [1]"
