"""A StructuredBot gives an object or says why not: it asks again with the reason, no more often than it may."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
import pytest
from tests.unit.domain.outputs import Person, Pet

import llamabot as lmb
from llamabot.domain.output import SchemaOutput
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.errors import AnswerNotParsed, Attempt, ConfigurationError, ContentRefused, ProviderUnavailable
from llamabot.ports.tools import ToolCall
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion

ADA = '{"name": "Ada", "age": 36}'
NO_AGE = '{"name": "Ada"}'


def _bot(script: Any, **settings: Any) -> tuple[Any, ScriptedCompletion]:
    completion = ScriptedCompletion(script, capabilities=settings.pop("capabilities", lmb.ModelCapabilities(True)))
    settings = {"output": Person, "completion": completion, "recorder": InMemoryRecorder(), **settings}
    return lmb.StructuredBot("Extract.", **settings), completion


def test_an_object_of_the_type_comes_back() -> None:
    bot, completion = _bot([ADA])
    result = bot.run("Ada is 36")
    assert (result.value, result.text) == (Person("Ada", 36), ADA)
    assert result.messages == (lmb.system("Extract."), lmb.user("Ada is 36"), lmb.assistant(ADA))
    completion.assert_finished()


class TestAskingAgain:
    def test_the_model_is_shown_its_answer_and_the_error_with_its_path(self) -> None:
        bot, completion = _bot(["Ada", '{"name": "Ada", "age": "x"}', ADA])
        assert bot("Ada is 36") == Person("Ada", 36)
        _, second, third = (request.messages for request in completion.requests)
        assert second[:2] == completion.requests[0].messages
        assert second[2] == lmb.assistant("Ada")
        assert "malformed JSON" in second[3].text
        assert third[:4] == second
        assert third[4] == lmb.assistant('{"name": "Ada", "age": "x"}')
        assert "Expected `int`, got `str` - at `$.age`" in third[5].text

    def test_an_empty_answer_is_not_sent_back(self) -> None:
        """Providers refuse empty messages of an assistant."""
        bot, completion = _bot(["", ADA])
        assert bot("Ada is 36") == Person("Ada", 36)
        (again,) = completion.requests[1].messages[2:]
        assert isinstance(again, lmb.UserMessage)
        assert "the answer is empty" in again.text

    def test_a_cut_answer_is_told_to_be_cut(self) -> None:
        cut = Completion(lmb.AssistantMessage(ADA[:10]), lmb.FinishReason.LENGTH)
        bot, completion = _bot([cut, ADA])
        assert bot("Ada is 36") == Person("Ada", 36)
        assert "cut off because it reached its greatest length" in completion.requests[1].messages[-1].text

    @pytest.mark.parametrize("max_attempts", [1, 2, 3, 5])
    def test_it_asks_as_often_as_it_may_and_then_tells_every_attempt(self, max_attempts: int) -> None:
        bot, completion = _bot([NO_AGE] * 9, max_attempts=max_attempts)
        with pytest.raises(AnswerNotParsed) as caught:
            bot("Ada is 36")
        assert len(completion.requests) == max_attempts
        error = "Object missing required field `age`"
        assert caught.value.attempts == (Attempt(NO_AGE, error),) * max_attempts
        assert error in str(caught.value)
        assert caught.value.usage == lmb.Usage(
            sum(len(message.text.split()) for request in completion.requests for message in request.messages),
            2 * max_attempts,
        )
        assert caught.value.messages[-1] == lmb.assistant(NO_AGE)

    def test_three_attempts_by_default(self) -> None:
        bot, completion = _bot(["no"] * 9)
        with pytest.raises(AnswerNotParsed):
            bot("Ada is 36")
        assert len(completion.requests) == 3

    def test_calls_of_tools_without_text_are_an_empty_answer(self) -> None:
        bot, _ = _bot([lmb.AssistantMessage(tool_calls=(ToolCall("1", "search", "{}"),))], max_attempts=1)
        with pytest.raises(AnswerNotParsed, match="the answer is empty"):
            bot("Ada is 36")

    def test_an_error_of_the_provider_is_not_asked_about_again(self) -> None:
        bot, completion = _bot([NO_AGE, ProviderUnavailable("down"), ADA])
        with pytest.raises(ProviderUnavailable) as caught:
            bot("Ada is 36")
        assert len(completion.requests) == 2
        assert caught.value.messages == completion.requests[1].messages

    def test_a_refused_answer_is_not_asked_about_again(self) -> None:
        refused = Completion(lmb.AssistantMessage("I ca"), lmb.FinishReason.CONTENT_FILTER)
        bot, completion = _bot([refused, ADA])
        with pytest.raises(ContentRefused) as caught:
            bot("Ada is 36")
        assert caught.value.partial == lmb.assistant("I ca")
        assert len(completion.requests) == 1

    def test_a_stream_says_that_what_it_told_is_void(self) -> None:
        bot, _ = _bot(["Ada is", ADA])
        with bot.stream("Ada is 36") as events:
            told = list(events)
        assert told[:3] == [lmb.TextDelta("Ada "), lmb.TextDelta("is"), lmb.AttemptRejected(told[2].error)]
        assert "malformed JSON" in told[2].error
        assert "".join(event.text for event in told[3:-1]) == ADA
        assert told[-1].result.value == Person("Ada", 36)

    def test_a_task_that_is_cancelled_makes_no_further_request(self) -> None:
        requests: list[CompletionRequest] = []

        class Slow:
            async def acomplete(self, request: CompletionRequest) -> Completion:
                requests.append(request)
                await asyncio.sleep(0.01)
                return Completion(lmb.AssistantMessage("no"), lmb.FinishReason.STOP)

        async def cancelled() -> None:
            port: Any = Slow()
            bot = lmb.AsyncStructuredBot(output=Person, completion=port, recorder=InMemoryRecorder(), max_attempts=99)
            task = asyncio.create_task(bot("Ada is 36"))
            await asyncio.sleep(0.035)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            seen = len(requests)
            await asyncio.sleep(0.05)
            assert 1 <= len(requests) == seen < 6

        asyncio.run(cancelled())


class TestWhereTheSchemaGoes:
    def test_into_the_request_for_a_model_that_takes_it(self) -> None:
        bot, completion = _bot([ADA])
        bot("Ada is 36")
        (request,) = completion.requests
        assert request.output is not None
        assert request.output.name == "Person"
        assert request.output.schema["required"] == ["name", "age"]
        assert request.messages[0] == lmb.system("Extract.")

    @pytest.mark.parametrize("known", [None, False])
    def test_into_words_for_every_other(self, known: bool | None) -> None:
        bot, completion = _bot([ADA], capabilities=lmb.ModelCapabilities(known))
        assert bot("Ada is 36") == Person("Ada", 36)
        (request,) = completion.requests
        assert request.output is None
        prompt = request.messages[0].text
        assert prompt.startswith("Extract.\n\n")
        assert '"required":["name","age"]' in prompt

    def test_into_words_of_its_own_without_a_system_prompt(self) -> None:
        completion = ScriptedCompletion([ADA], capabilities=lmb.ModelCapabilities())
        lmb.StructuredBot(output=Person, completion=completion, recorder=InMemoryRecorder())("Ada is 36")
        system, said = completion.requests[0].messages
        assert isinstance(system, lmb.SystemMessage)
        assert '"properties"' in system.text
        assert said == lmb.user("Ada is 36")

    def test_into_words_of_the_developer(self) -> None:
        completion = ScriptedCompletion([ADA], capabilities=lmb.ModelCapabilities())
        bot = lmb.StructuredBot(lmb.developer("D."), output=Person, completion=completion, recorder=InMemoryRecorder())
        bot("Ada is 36")
        assert isinstance(completion.requests[0].messages[0], lmb.DeveloperMessage)

    def test_into_words_for_an_adapter_that_cannot_say(self) -> None:
        class Bare:
            def complete(self, request: CompletionRequest) -> Completion:
                assert request.output is None
                return Completion(lmb.AssistantMessage(ADA), lmb.FinishReason.STOP)

        port: Any = Bare()
        bot = lmb.StructuredBot(output=Person, completion=port, recorder=InMemoryRecorder())
        assert bot("Ada is 36") == Person("Ada", 36)

    def test_the_model_that_is_asked_about_is_the_one_that_is_used(self) -> None:
        asked: list[str] = []

        class Knowing(ScriptedCompletion):
            def capabilities(self, model: str) -> lmb.ModelCapabilities:
                asked.append(model)
                return super().capabilities(model)

        bot = lmb.StructuredBot(output=Person, completion=Knowing([ADA]), recorder=InMemoryRecorder(), model="gpt-x")
        bot("Ada is 36")
        assert asked == ["gpt-x"]


class TestOutputTypes:
    def test_what_type_cannot_carry_is_written_in_brackets(self) -> None:
        completion = ScriptedCompletion(['{"value": "b"}', '{"value": "b"}'])
        bot = lmb.StructuredBot[Literal["a", "b"]]("Choose.", completion=completion, recorder=InMemoryRecorder())
        assert bot("?") == "b"
        assert bot.with_(temperature=0)("?") == "b"

    def test_brackets_work_for_the_async_bot_too(self) -> None:
        completion = ScriptedCompletion(["[1, 2]"])
        bot = lmb.AsyncStructuredBot[list[int]](completion=completion, recorder=InMemoryRecorder())
        assert asyncio.run(bot("?")) == [1, 2]

    def test_a_bot_shows_its_type(self) -> None:
        assert repr(lmb.StructuredBot("Count.", output=int, model="m")) == (
            "StructuredBot('Count.', output=<class 'int'>, model='m')"
        )
        assert "output=typing.Literal['a']" in repr(lmb.StructuredBot[Literal["a"]]("Choose."))

    def test_a_bot_without_a_type_says_how_to_name_one(self) -> None:
        bot: Any = lmb.StructuredBot(completion=ScriptedCompletion(), recorder=InMemoryRecorder())
        with pytest.raises(ConfigurationError, match="output=Person"):
            bot("?")

    def test_a_type_that_cannot_be_is_refused_when_the_bot_is_made(self) -> None:
        with pytest.raises(ConfigurationError, match="has no JSON schema"):
            lmb.StructuredBot(output=complex)

    def test_a_schema_is_an_output_too(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
        bot, _ = _bot(
            ['{"a": "x"}', '{"a": 1}'],
            output=SchemaOutput(schema, lambda value: None if value == {"a": 1} else "no - at `$.a`"),
        )
        assert bot("?") == {"a": 1}

    def test_pydantic_problems_are_told_with_their_path(self) -> None:
        bot, completion = _bot(
            ['{"name": "Rex", "home": {"street": 1}}', '{"name": "Rex", "home": {"street": "Ring"}}'], output=Pet
        )
        assert bot("?").home.street == "Ring"
        assert "Input should be a valid string - at `$.home.street`" in completion.requests[1].messages[-1].text


def _bot_of(model_gives: str) -> lmb.StructuredBot[Person]:
    completion = FunctionCompletion(lambda request: model_gives)
    return lmb.StructuredBot(output=Person, completion=completion, recorder=InMemoryRecorder(), max_attempts=1)


def test_a_character_in_halves_is_one_character() -> None:
    assert _bot_of('{"name": "\ud83d\ude00", "age": 1}')("?") == Person("😀", 1)


def test_half_a_character_is_told_as_what_can_be_shown() -> None:
    with pytest.raises(AnswerNotParsed) as caught:
        _bot_of("\ud83d")("?")
    assert caught.value.attempts[0].text == "\ufffd"


def test_a_long_answer_comes_back_whole() -> None:
    class Page(msgspec.Struct):
        text: str

    text = "0123456789" * 1_000_000
    bot, _ = _bot([f'{{"text": "{text}"}}'], output=Page)
    with bot.stream("?") as events:
        assert "".join(events.text()) == f'{{"text": "{text}"}}'
        assert events.result.value == Page(text)


def test_is_asked_again_without_the_calls_that_nobody_answers() -> None:
    completion = ScriptedCompletion(
        [lmb.AssistantMessage("I look.", tool_calls=(ToolCall("1", "look", "{}"),)), '{"name": "Ada", "age": 36}']
    )
    bot = lmb.StructuredBot("", output=Person, completion=completion, recorder=InMemoryRecorder())
    assert bot("who?").name == "Ada"
    assert completion.requests[1].messages[1] == lmb.AssistantMessage("I look.")
