"""Every argument that does not exist is refused, and the refusal names the one that was meant."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path
from typing import Any

import pytest

import llamabot as lmb
from llamabot.domain.settings import BotSettings, CallSettings
from llamabot.ports.errors import ConfigurationError, UnknownArgument, UsageError
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


def _bot(kind: Any = lmb.SimpleBot, **settings: Any) -> Any:
    return kind("Answer.", completion=ScriptedCompletion(["yes"]), recorder=InMemoryRecorder(), **settings)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("model_name", "use model"),
        ("tempreature", "did you mean 'temperature'?"),
        ("timeout", "use timeout_s"),
        ("max_completion_tokens", "use max_tokens"),
        ("api_key", "use options={'api_key': …}"),
        ("top_p", "use options={'top_p': …}"),
        ("mock_response", "use completion=ScriptedCompletion([…])"),
        ("system", "use system_prompt"),
        ("sytem_prompt", "did you mean 'system_prompt'?"),
        ("stream", "use bot.stream(…)"),
        ("tags", "use bot(…, tags=…)"),
        ("tools", "use lmb.ToolBot or lmb.AgentBot"),
        ("output", "use lmb.StructuredBot"),
        ("frobnicate", "what only the provider knows goes into options={'frobnicate': …}"),
    ],
)
def test_a_bot_names_the_argument_that_was_meant(wrong: str, named: str) -> None:
    with pytest.raises(TypeError) as caught:
        _bot(**{wrong: 1})
    assert isinstance(caught.value, UnknownArgument)
    assert named in str(caught.value)
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("temperature", "bot.with_(temperature=…)(…)"),
        ("model_name", "bot.with_(model=…)(…)"),
        ("timeout", "bot.with_(timeout_s=…)(…)"),
        ("api_base", "options={'api_base': …}"),
        ("tag", "did you mean 'tags'?"),
    ],
)
@pytest.mark.parametrize("method", ["__call__", "run", "stream"])
def test_a_call_names_the_argument_that_was_meant(method: str, wrong: str, named: str) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(_bot(), method)("hi", **{wrong: 1})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("go", "where"),
    [
        (lambda bot: bot("hi", frob=1), "a call of a bot"),
        (lambda bot: bot.resume("run", frob=1), "resume()"),
        (lambda bot: bot.with_(frob=1), "SimpleBot.with_()"),
        (lambda bot: _bot(frob=1), "SimpleBot()"),
    ],
)
def test_a_refusal_says_where(go: Any, where: str) -> None:
    with pytest.raises(
        UnknownArgument, match=f"^{re.escape(where)} has no argument 'frob'; there are [a-z_]+, [a-z_]+,"
    ):
        go(_bot())


def test_a_bot_shows_how_it_was_made() -> None:
    bot = _bot(options={"seed": 1, "api_key": "sk-secret"}, temperature=0.5)
    shown = repr(bot.with_(completion=None, recorder=None))
    assert shown.startswith("SimpleBot('Answer.', ")
    assert "temperature=0.5" in shown
    assert shown.endswith(", options={'seed': 1})"), "and no key"
    assert "options" not in repr(_bot())
    assert repr(lmb.SimpleBot()) == "SimpleBot('')"


def test_a_structured_bot_knows_its_own_arguments() -> None:
    bot = _bot(lmb.StructuredBot, output=int)
    with pytest.raises(TypeError, match=r"bot\.with_\(max_attempts=…\)"):
        bot("hi", max_attempts=1)
    with pytest.raises(TypeError, match="use output"):
        _bot(lmb.StructuredBot, pydantic_model=int)
    with pytest.raises(TypeError, match="'max_attempts'"):
        _bot().with_(max_attempts=1)
    with pytest.raises(TypeError, match=r"StructuredBot\.with_\(\) does not change 'output': make another bot"):
        bot.with_(output=str)


def test_with_refuses_what_the_constructor_refuses() -> None:
    with pytest.raises(TypeError, match="use model"):
        _bot().with_(model_name="x")
    with pytest.raises(TypeError, match=r"SimpleBot\.with_\(\) does not change 'system_prompt'"):
        _bot().with_(system_prompt="x")


def test_what_belongs_to_a_bot_is_no_default_of_the_process() -> None:
    with pytest.raises(TypeError, match=r"'timeout_s' is a setting of the bot: use bot\.with_\(timeout_s=…\)"):
        lmb.configure(timeout_s=5)  # type: ignore[call-arg]  # the mistake


def test_people_see_every_argument_in_the_signature() -> None:
    assert set(BotSettings.__annotations__) <= set(inspect.signature(lmb.SimpleBot).parameters)
    assert {"output", "max_attempts", "model"} <= set(inspect.signature(lmb.StructuredBot).parameters)
    for method in (lmb.SimpleBot.run, lmb.SimpleBot.stream, lmb.AsyncSimpleBot.__call__):
        assert set(CallSettings.__annotations__) <= set(inspect.signature(method).parameters)
    assert "model: 'str | None' = " in str(inspect.signature(lmb.SimpleBot))


@pytest.mark.parametrize("kind", [lmb.SimpleBot, lmb.StructuredBot, lmb.ToolBot, lmb.AgentBot])
def test_people_are_told_what_every_argument_is(kind: Any) -> None:
    told = inspect.getdoc(kind.__init__) or ""
    keywords = set(inspect.signature(kind).parameters) - set(kind._parameters)
    assert [name for name in keywords if f"\n    {name}: " not in told] == []
    assert "\n    tags: " in (inspect.getdoc(kind.run) or "")


@pytest.mark.parametrize("timeout_s", [0, -1, math.inf, math.nan])
def test_a_timeout_that_is_no_time_is_refused(timeout_s: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout_s"):
        _bot(timeout_s=timeout_s)


@pytest.mark.parametrize("max_attempts", [0, -1, "three", None])
def test_a_structured_bot_must_be_allowed_an_attempt(max_attempts: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_attempts"):
        _bot(lmb.StructuredBot, output=int, max_attempts=max_attempts)
    with pytest.raises(ConfigurationError, match="max_attempts"):
        _bot(lmb.StructuredBot, output=int).with_(max_attempts=max_attempts)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": 3}, "name= is text, not int"),
        ({"name": "\ud800"}, "name= has half a character"),
        ({"model": Path("a")}, "model= is text, not PosixPath"),
        ({"temperature": "hot"}, "temperature= is a number, not str"),
        ({"temperature": math.nan}, "temperature= is a number, not nan"),
        ({"max_tokens": 5.5}, "max_tokens= is a whole number, not float"),
        ({"timeout_s": "5"}, "timeout_s= is a number of seconds, not str"),
        ({"limits": {"deadline_s": 3}}, "limits= is lmb.Limits(…), not dict"),
        ({"options": {3: "sk-canary"}}, "options= is names with their values; each name is text"),
        ({"options": "sk-canary"}, "options= is names with their values, not str"),
    ],
)
def test_what_would_fail_later_or_spoil_the_log_is_refused_at_construction(wrong: Any, told: str) -> None:
    for make in (_bot, lambda **settings: _bot().with_(**settings)):
        with pytest.raises(ConfigurationError, match=re.escape(told)) as caught:
            make(**wrong)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"limits": 3}, {"options": [1]}, {"tags": ["a"]}, {"tags": {"a": "\ud800"}}])
def test_a_call_refuses_what_it_cannot_use_before_anything_is_recorded(wrong: Any) -> None:
    recorder = InMemoryRecorder()
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        lmb.SimpleBot(completion=ScriptedCompletion(["yes"]), recorder=recorder)("hi", **wrong)
    assert list(recorder.runs()) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"recorder": "runs.db"}, 'recorder= is a recorder, for example lmb.SqliteRecorder("runs.db"), not str'),
        ({"recorder": InMemoryRecorder}, "recorder=InMemoryRecorder is a class; make an object of it"),
        ({"clock": 3}, "clock= is a clock: an object with now_ns, monotonic_ns, sleep and asleep, not int"),
        ({"ids": 3}, "ids= is a maker of ids, not int"),
    ],
)
def test_what_is_no_port_is_refused_wherever_it_is_given(wrong: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        lmb.SimpleBot(completion=ScriptedCompletion(["yes"]), **wrong)
    with pytest.raises(ConfigurationError, match=re.escape(told)), lmb.override(**wrong):
        pytest.fail("the override began")
    if wrong != {"recorder": "runs.db"}:  # where the whole process records to may be a path
        with pytest.raises(ConfigurationError, match=re.escape(told)):
            lmb.configure(**wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"completion": "gpt-5"}, "completion= is an adapter, for example lmb.LiteLLMCompletion(…), not str"),
        ({"completion": lmb.LiteLLMCompletion}, "completion=LiteLLMCompletion is a class; make an object of it"),
        ({"container": 3}, "container= is lmb.Container(), not int"),
        ({"container": lmb.Container}, "container=Container is a class; make an object of it"),
    ],
)
def test_what_cannot_answer_is_refused_wherever_it_is_given(wrong: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        lmb.configure(**wrong)
    if "completion" in wrong:
        with pytest.raises(ConfigurationError, match=re.escape(told)):
            lmb.SimpleBot(**wrong)


def test_options_that_hold_themselves_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ConfigurationError, match="options= is nested too deeply"):
        _bot(options={"x": endless})
    with pytest.raises(ConfigurationError, match="options= is nested too deeply"):
        _bot()("hi", options={"x": endless})


@pytest.mark.parametrize("limit", ["3", math.nan, [1], True])
def test_a_limit_is_a_number(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="deadline_s= is a number"):
        lmb.Limits(deadline_s=limit)


@pytest.mark.parametrize("limit", ["25", 2.5, True])
def test_a_limit_of_a_count_is_a_whole_number(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="decisions= is a whole number"):
        lmb.Limits(decisions=limit)


def test_a_span_and_the_defaults_take_text_for_a_name_and_a_model() -> None:
    with pytest.raises(ConfigurationError, match="name= is text"):
        lmb.span(3)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ConfigurationError, match="model= is text"):
        lmb.configure(model=3)  # type: ignore[typeddict-item]  # the mistake


def test_tags_that_are_no_text_are_refused_before_they_spoil_the_log() -> None:
    bot: Any = _bot()
    with pytest.raises(UsageError, match=r'tags=\{"user": "7"\}'):
        bot("hi", tags={"user": 7})
    with pytest.raises(UsageError, match="tags"), lmb.span("job", tags={"user": 7}):  # type: ignore[dict-item]  # the mistake
        pytest.fail("the span began")


@pytest.mark.parametrize("inputs", [(), ([],), ([[], ()],)])
def test_asking_nothing_is_refused(inputs: Any) -> None:
    with pytest.raises(UsageError, match=r"^nothing was asked: give the bot at least one string or message$"):
        _bot()(*inputs)


def test_a_system_prompt_is_a_string_or_a_message_of_the_application() -> None:
    with pytest.raises(UsageError, match="UserMessage"):
        lmb.SimpleBot(lmb.user("be nice"))  # type: ignore[arg-type]  # the mistake
    completion = ScriptedCompletion(["yes"])
    lmb.SimpleBot(lmb.developer("Be nice."), completion=completion, recorder=InMemoryRecorder())("hi")
    assert completion.requests[0].messages[0] == lmb.DeveloperMessage("Be nice.")


def test_only_what_was_given_is_sent() -> None:
    completion = ScriptedCompletion(["yes", "yes"])
    bot = lmb.SimpleBot(completion=completion, recorder=InMemoryRecorder())
    bot("hi")
    bot.with_(model="m", temperature=0, max_tokens=5, timeout_s=3, options={"seed": 1})("hi")
    bare, full = completion.requests
    assert (bare.model, bare.temperature, bare.max_tokens, bare.timeout_s, bare.options) == ("", None, None, 600, {})
    assert (full.model, full.temperature, full.max_tokens, full.timeout_s, full.options) == ("m", 0, 5, 3, {"seed": 1})
