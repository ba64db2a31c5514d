"""Bots that are wrong: each is one of ours, asked, remembering, resumed or told again in a wrong way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from tests.falsify.wrong import bot

import llamabot as lmb
from llamabot.domain.asking import ask, recall, remember
from llamabot.domain.effects import Remember
from llamabot.domain.result import Conclusion
from llamabot.testing.laws import check_bot

replaced: Any = msgspec.structs.replace
PROMPT = "You greet."
right = partial(lmb.SimpleBot, PROMPT)
right_twin = partial(lmb.AsyncSimpleBot, PROMPT)


def trial(make_bot: Any, make_twin: Any = None) -> Callable[..., None]:
    return partial(check_bot, make_bot, make_twin)


@bot
def question_remembered_first() -> Callable[..., None]:
    """Remembers the question before it has an answer."""

    class Hasty(lmb.SimpleBot):
        def _core(self, call: Any) -> Any:
            history = yield from recall(call)
            if call.has_memory:
                yield from Remember(call.inputs)
            messages = (*self._system, *history, *call.inputs)
            completion = yield from ask(call.request, messages)
            message = completion.message
            if call.has_memory:
                yield from Remember((message,))
            return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return trial(partial(Hasty, PROMPT))


@bot
def twin_forgets_the_memory() -> Callable[..., None]:
    """Recalls nothing in the async twin."""

    class Forgetful(lmb.AsyncSimpleBot):
        def _core(self, call: Any) -> Any:
            messages = (*self._system, *call.inputs)
            completion = yield from ask(call.request, messages)
            yield from remember(call, completion.message)
            message = completion.message
            return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return trial(right, partial(Forgetful, PROMPT))


@bot
def twin_has_no_prompt() -> Callable[..., None]:
    """Leaves the system prompt out in the async twin."""
    return trial(right, lmb.AsyncSimpleBot)


@bot
def stream_forgets_the_memory() -> Callable[..., None]:
    """Streams without the bot's memory."""

    class Forgetful(lmb.SimpleBot):
        def stream(self, *inputs: Any, **call: Any) -> Any:
            return super().stream(*inputs, **{**call, "memory": None})

    return trial(partial(Forgetful, PROMPT))


@bot
def resumes_from_the_start() -> Callable[..., None]:
    """Asks the question anew where a run should go on."""

    class Anew(lmb.SimpleBot):
        def resume(self, run_id: str, **call: Any) -> Any:
            return self.run("Go on.")

    return trial(partial(Anew, PROMPT))


@bot
def replay_asks_the_model() -> Callable[..., None]:
    """Asks the model again where a run should be told from its log."""

    class Anew(lmb.SimpleBot):
        def replay(self, recording: Any) -> Any:
            return self.run("Go on.")

    return trial(partial(Anew, PROMPT))


@bot
def answers_from_a_cache() -> Callable[..., None]:
    """Keeps its answers, and gives the same one to the same question, whatever was said before."""

    class Caching(lmb.SimpleBot):
        def __init__(self, *prompt: Any, **settings: Any) -> None:
            super().__init__(*prompt, **settings)
            self._answers: dict[Any, Any] = {}

        def _core(self, call: Any) -> Any:
            history = yield from recall(call)
            messages = (*self._system, *history, *call.inputs)
            if call.inputs not in self._answers:
                self._answers[call.inputs] = yield from ask(call.request, messages)
            completion = self._answers[call.inputs]
            yield from remember(call, completion.message)
            message = completion.message
            return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return trial(partial(Caching, PROMPT))


@bot
def remembers_behind_the_log() -> Callable[..., None]:
    """Writes into the memory by itself, so that a run that goes on writes its turn again."""

    class Direct(lmb.SimpleBot):
        def _core(self, call: Any) -> Any:
            history = yield from recall(call)
            messages = (*self._system, *history, *call.inputs)
            message = (completion := (yield from ask(call.request, messages))).message
            if call.has_memory:
                self._settings["memory"].remember((*call.inputs, message))
            return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return trial(partial(Direct, PROMPT))


@bot
def last_answer_in_the_next_prompt() -> Callable[..., None]:
    """Keeps its last answer in itself, and sends it along with the next question."""

    class Sticky(lmb.SimpleBot):
        last: Any = ()

        def _core(self, call: Any) -> Any:
            history = yield from recall(call)
            messages = (*self._system, *history, *self.last, *call.inputs)
            completion = yield from ask(call.request, messages)
            yield from remember(call, completion.message)
            message = completion.message
            self.last = (*call.inputs, message)
            return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return trial(partial(Sticky, PROMPT))


@bot
def errors_become_apologies() -> Callable[..., None]:
    """Answers with an apology where the model failed, in the sync twin alone."""

    class Sorry(lmb.SimpleBot):
        def run(self, *inputs: Any, **call: Any) -> Any:
            try:
                return super().run(*inputs, **call)
            except lmb.errors.LlamabotError as error:
                sorry = lmb.assistant("Sorry.") if hasattr(lmb, "assistant") else lmb.AssistantMessage("Sorry.")
                return lmb.Result(sorry, "Sorry.", (*error.messages, sorry), error.usage, None, None, error.run_id)

    return trial(partial(Sorry, PROMPT), right_twin)


@bot
def recorder_not_passed_on() -> Callable[..., None]:
    """Takes a recorder, and logs elsewhere."""

    def make(recorder: Any = None, **settings: Any) -> Any:
        return lmb.SimpleBot(PROMPT, recorder=lmb.InMemoryRecorder(durable=True), **settings)

    return trial(make)


@bot
def usage_counted_twice() -> Callable[..., None]:
    """Counts the tokens of a call twice, in the sync twin alone."""

    class Twice(lmb.SimpleBot):
        def run(self, *inputs: Any, **call: Any) -> Any:
            result = super().run(*inputs, **call)
            return replaced(result, usage=result.usage + result.usage)

    return trial(partial(Twice, PROMPT), right_twin)


@bot
def question_lost_from_the_transcript() -> Callable[..., None]:
    """Remembers the answer without its question."""

    class Half(lmb.SimpleBot):
        def _core(self, call: Any) -> Any:
            history = yield from recall(call)
            messages = (*self._system, *history, *call.inputs)
            completion = yield from ask(call.request, messages)
            message = completion.message
            if call.has_memory:
                yield from Remember((message,))
            return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return trial(partial(Half, PROMPT))


def twins(core: Callable[..., Any]) -> Callable[..., None]:
    one, other = (type("Bot", (kind,), {"_core": core}) for kind in (lmb.SimpleBot, lmb.AsyncSimpleBot))
    return trial(partial(one, PROMPT), partial(other, PROMPT))


@bot
def another_name_each_time() -> Callable[..., None]:
    """Draws a new id for each question and puts it into the prompt, so that no run can be told again."""

    def core(self: Any, call: Any) -> Any:
        history = yield from recall(call)
        messages = (lmb.SystemMessage(f"{PROMPT} Request {uuid.uuid4()}."), *history, *call.inputs)
        completion = yield from ask(call.request, messages)
        yield from remember(call, completion.message)
        message = completion.message
        return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return twins(core)


@bot
def history_in_the_default() -> Callable[..., None]:
    """Gathers the history in a default argument, which all calls share."""

    def core(self: Any, call: Any, history: list[Any] = []) -> Any:  # noqa: B006 - this is the bug
        messages = (*self._system, *(yield from recall(call)), *history, *call.inputs)
        completion = yield from ask(call.request, messages)
        yield from remember(call, completion.message)
        message = completion.message
        history += [*call.inputs, message]
        return Conclusion(message, message.text, (*messages, message), completion.finish_reason)

    return twins(core)
