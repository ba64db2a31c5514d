"""What a run says that cannot go on as it was: which run, where, what was asked then and what is asked now."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.domain.asking import agent_of, asks

import llamabot as lmb
from llamabot.adapters.wrap.metadata import MetadataRecorder
from llamabot.ports.recorder import EffectFinished, ErrorRecord, RunFinished, RunStatus
from llamabot.testing import EchoToolbox, InMemoryRecorder, ScriptedCompletion
from llamabot.testing.faults import LostAnswer, faulty
from llamabot.testing.laws import Dying, Killed

BUSY = lmb.errors.ProviderUnavailable("come again")


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder(durable=True)


def begun(recorder: Any, prompt: str = "Be kind.", **settings: Any) -> tuple[Any, str]:
    """Return a bot and its run, which a busy provider has ended."""
    bot = lmb.SimpleBot(prompt, completion=ScriptedCompletion([BUSY]), recorder=recorder, **settings)
    with pytest.raises(lmb.errors.ProviderUnavailable) as error:
        bot.run("Hi")
    return bot.with_(completion=ScriptedCompletion(["yes"])), str(error.value.run_id)


def refused(bot: Any, run_id: str) -> list[str]:
    with pytest.raises(lmb.errors.ReplayDiverged) as diverged:
        bot.resume(run_id)
    return str(diverged.value).splitlines()


def test_another_prompt_is_shown_as_a_difference(recorder: InMemoryRecorder) -> None:
    _, run_id = begun(recorder)
    ruder = lmb.SimpleBot("Be brief.", completion=ScriptedCompletion(["yes"]), recorder=recorder)
    first, *difference = refused(ruder, run_id)
    assert first == (
        f"at 1 (complete) the bot asks what it did not ask in run {run_id}; resume(…, accept_changes=True) goes on "
        "with the recorded transcript and today's code"
    )
    assert difference[:2] == ["--- recorded", "+++ now"]
    assert difference[2].startswith("@@ -")
    changed = [line for line in difference[3:] if line.startswith(("-", "+"))]
    assert [line.strip("-+ ,") for line in changed] == ['"content": "Be kind."', '"content": "Be brief."']
    assert len(difference) == 3 + 2 + 2, "a line before it and one after it"


@pytest.mark.parametrize(("length", "shown"), [(260, 300), (300, 301)])
def test_a_long_line_is_cut(recorder: InMemoryRecorder, length: int, shown: int) -> None:
    _, run_id = begun(recorder, prompt="a" * length)
    other = lmb.SimpleBot("b" * length, completion=ScriptedCompletion(["yes"]), recorder=recorder)
    longest = max(map(len, refused(other, run_id)[1:]))
    assert longest == min(shown, longest)
    assert any(line.endswith("…") for line in refused(other, run_id)[1:]) is (length == 300)


def test_a_long_difference_ends_with_a_mark(recorder: InMemoryRecorder) -> None:
    messages = [lmb.user(f"question {number}") for number in range(40)]
    bot = lmb.SimpleBot("", completion=ScriptedCompletion([BUSY]), recorder=recorder, options={"a": list(range(200))})
    with pytest.raises(lmb.errors.ProviderUnavailable) as error:
        bot.run(*messages)
    other = lmb.SimpleBot("", completion=ScriptedCompletion(["yes"]), recorder=recorder, options={"a": list("b" * 200)})
    told = refused(other, str(error.value.run_id))
    assert told[-1] == "…"
    assert len(told) < 100


def test_another_step_is_named_beside_the_one_that_was_recorded(recorder: InMemoryRecorder) -> None:
    bot, run_id = begun(recorder)
    memory = lmb.ChatMemory()
    (told,) = refused(bot.with_(memory=memory), run_id)
    asked, _, why = told.partition(": ")
    assert asked == f"at 1 the bot asks for recall, but the log of run {run_id} has complete"
    assert why == "the code, the memory or the tools have changed"


def test_a_run_that_ends_before_its_log_says_what_the_log_has(recorder: InMemoryRecorder) -> None:
    def look() -> str:
        return "there"

    agent, _ = agent_of(asks(("look", {}), ("look", {})), BUSY, tools=[look], recorder=recorder)
    with pytest.raises(lmb.errors.ProviderUnavailable) as error:
        agent.run("?")
    run_id = str(error.value.run_id)
    short = lmb.ToolBot("You are an agent.", tools=[look], completion=ScriptedCompletion([]), recorder=recorder)
    told = refused(short, run_id)
    assert told[0].startswith(
        f"the bot ended, but the log of run {run_id} goes on with 2.1 (call_tool), 2.2 (call_tool)"
    )


def test_a_run_without_an_end_is_told_to_where_it_came() -> None:
    store = InMemoryRecorder(durable=True)
    bot = lmb.SimpleBot("", completion=ScriptedCompletion(["yes"]), recorder=Dying(store, 2))
    with pytest.raises(Killed):
        bot.run("?")
    (run,) = store.runs()
    with pytest.raises(lmb.errors.ReplayDiverged, match=rf"^the log of run {run.run_id} ends here: it is running$"):
        bot.with_(recorder=store).replay(run.run_id)


@pytest.mark.parametrize(
    ("record", "kind", "said"),
    [
        (ErrorRecord("builtins.ValueError", "no luck"), lmb.errors.LlamabotError, "builtins.ValueError: no luck"),
        (ErrorRecord("builtins.ValueError", ""), lmb.errors.LlamabotError, "builtins.ValueError"),
        (
            ErrorRecord("annotations", "a name of the module"),
            lmb.errors.LlamabotError,
            "annotations: a name of the module",
        ),
        (ErrorRecord("ContentRefused", "no"), lmb.errors.ContentRefused, "no"),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_a_run_that_failed_fails_again_with_what_the_log_has_of_it(
    recorder: InMemoryRecorder, record: ErrorRecord, kind: type[Exception], said: str
) -> None:
    bot, run_id = begun(recorder)
    events = [event for event in recorder.events(run_id) if not isinstance(event, RunFinished | EffectFinished)]
    failed = InMemoryRecorder()
    failed.append([*events, RunFinished(run_id, 9, RunStatus.FAILED, record)])
    with pytest.raises(kind) as error:
        bot.with_(recorder=failed).replay(run_id)
    assert str(error.value) == said
    assert type(error.value) is kind


def test_a_partial_answer_is_told_again_with_its_error(recorder: InMemoryRecorder) -> None:
    chunks = [lmb.CompletionChunk(text="Hel"), BUSY]
    bot = lmb.SimpleBot("", completion=ScriptedCompletion([chunks]), recorder=recorder)
    with pytest.raises(lmb.errors.ProviderUnavailable) as error, bot.stream("Hi") as events:
        list(events)
    with pytest.raises(lmb.errors.ProviderUnavailable) as again:
        bot.replay(str(error.value.run_id))
    assert str(again.value) == "come again"
    assert error.value.partial == lmb.AssistantMessage("Hel")


def test_what_was_recorded_as_metadata_alone_can_be_looked_at_and_no_more() -> None:
    bot, run_id = begun(MetadataRecorder(store := InMemoryRecorder()))
    with pytest.raises(
        lmb.errors.UsageError, match=rf"^run {run_id} was recorded without what it was given \(metadata"
    ):
        bot.with_(recorder=store).replay(run_id)


def test_a_tool_that_must_not_run_twice_is_asked_about_by_name(recorder: InMemoryRecorder) -> None:
    spec = lmb.ToolSpec("pay", "Pay.", {"type": "object", "properties": {}})
    box = faulty(EchoToolbox([lmb.Tool(spec, idempotent=False)]), [LostAnswer(), LostAnswer()])
    agent, _ = agent_of(asks(("pay", {}), ("pay", {})), "done", tools=[box], recorder=recorder)
    with pytest.raises(lmb.errors.ToolboxUnavailable) as lost:
        agent.run("?")
    with pytest.raises(lmb.errors.ToolOutcomeUnknown) as unknown:
        agent.resume(str(lost.value.run_id))
    how, _, why = str(unknown.value).partition(". ")
    assert re.fullmatch(r"the run waits for how these ended: pay \('a'\)(, pay \('b'\))?; go on with resume\(.*\)", how)
    assert how.endswith('resume(run_id, outcomes={call_id: "…"})')
    assert why == "They must not run twice, and the run broke off after they began"
