"""A question that follows on another is looked up by what it means."""

from __future__ import annotations

from typing import Any

import pytest
from tests.property.ways import WAYS
from tests.unit.domain.libraries import Away, bot, linkers
from tests.unit.domain.querying import QUESTION, ids_of, kind_for

import llamabot as lmb
from llamabot.ports.errors import ContentRefused, LimitReached, ProviderUnavailable
from llamabot.testing import InMemoryRecorder


class TestFollowingUp:
    def _memory(self) -> lmb.ChatMemory:
        memory = lmb.ChatMemory()
        memory.remember([lmb.user("What is mold?"), lmb.assistant("A linker [1].")])
        return memory

    @pytest.mark.parametrize("way", WAYS)
    def test_a_follow_up_is_made_into_a_question_first(self, way: str) -> None:
        recorder, memory = InMemoryRecorder(), self._memory()
        asked, completion = bot(['"Is lld fast?"', "Yes [1]."], kind=kind_for(way), memory=memory, recorder=recorder)
        result = WAYS[way](asked, ("and lld?",))
        rephrasing, asking = completion.requests
        assert "User: What is mold?\nAssistant: A linker [1]." in rephrasing.messages[-1].text
        assert "and lld?" in rephrasing.messages[-1].text
        assert asking.messages[1:3] == memory.recall()[:2]
        assert "Question: and lld?" in asking.messages[-1].text
        trace = lmb.read_trace(recorder.events(result.run_id))
        assert [effect.effect for effect in trace.effects] == ["recall", "rephrase", "retrieve", "complete", "remember"]
        search = trace.effects[2].search
        assert search is not None
        assert search.query == "Is lld fast?"
        assert ids_of(result.value.sources) == ids_of(linkers().search("Is lld fast?"))

    def test_the_conversation_has_the_question_and_the_answer_alone(self) -> None:
        memory = self._memory()
        asked, _ = bot(["Is lld fast?", "Yes [1]."], memory=memory)
        asked("and lld?")
        assert memory.recall()[2:] == (lmb.user("and lld?"), lmb.assistant("Yes [1]."))

    def test_nothing_is_made_of_the_first_question(self) -> None:
        asked, completion = bot(["mold [1]"], memory=lmb.ChatMemory())
        asked(QUESTION)
        assert len(completion.requests) == 1

    @pytest.mark.parametrize(
        "made",
        ["", " \n", "so " * 400, lmb.Completion(lmb.AssistantMessage("Is the"), lmb.FinishReason.LENGTH)],
        ids=["empty", "blank", "long", "cut"],
    )
    def test_where_none_was_made_it_is_looked_up_with_the_question_before_it(self, made: Any) -> None:
        recorder = InMemoryRecorder()
        asked, _ = bot([made, "Yes [1]."], memory=self._memory(), recorder=recorder)
        result = asked.run("And who made it?")
        search = lmb.read_trace(recorder.events(result.run_id)).effects[2].search
        assert search is not None
        assert search.query == "What is mold?\nAnd who made it?"
        assert ids_of(result.value.sources)[:1] == ["mold"], "which its own words do not find"
        assert linkers().search("And who made it?") == ()

    def test_a_provider_that_fails_then_is_asked_again_on_resume(self) -> None:
        asked, completion = bot([ProviderUnavailable("away"), "Is lld fast?", "Yes [1]."], memory=self._memory())
        with pytest.raises(ProviderUnavailable) as caught:
            asked("and lld?")
        assert asked.resume(str(caught.value.run_id)).text == "Yes [1]."
        completion.assert_finished()

    def test_what_the_model_was_asked_then_is_no_transcript(self) -> None:
        recorder = InMemoryRecorder()
        asked, _ = bot(["Is lld fast?"], memory=self._memory(), docstore=Away(), recorder=recorder)
        with pytest.raises(lmb.errors.DocStoreError) as caught:
            asked("and lld?")
        assert caught.value.messages == lmb.read_trace(recorder.events(str(caught.value.run_id))).messages == ()

    def test_a_refusal_then_is_a_refusal(self) -> None:
        refusal = lmb.Completion(lmb.AssistantMessage("no"), lmb.FinishReason.CONTENT_FILTER)
        asked, _ = bot([refusal], memory=self._memory())
        with pytest.raises(ContentRefused):
            asked("and lld?")

    def test_it_counts_as_a_completion(self) -> None:
        asked, completion = bot(["Is lld fast?", "Yes [1]."], memory=self._memory(), limits=lmb.Limits(decisions=1))
        with pytest.raises(LimitReached) as caught:
            asked("and lld?")
        assert caught.value.limit == "decisions"
        assert caught.value.messages[-1].text.endswith("Question: and lld?")
        assert asked.resume(str(caught.value.run_id), limits=lmb.Limits(decisions=2)).text == "Yes [1]."
        completion.assert_finished()
