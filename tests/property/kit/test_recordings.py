"""A recorded run answers what was asked then, and is the same file each time that it is recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionRequest, ModelCapabilities
from llamabot.ports.exports import read_export
from llamabot.ports.provider import override_everywhere
from llamabot.testing import Behaviour, EchoToolbox, FunctionCompletion, InMemoryRecorder, ScriptedCompletion
from llamabot.testing.recordings import Recording, RecordingMissed, write_recording
from llamabot.testing.recordings.keys import lines_of
from llamabot.testing.strategies import behaviours, requests

TOOLS = (
    lmb.ToolSpec("look", "Look up.", {"type": "object", "properties": {"word": {"type": "string"}}}),
    lmb.ToolSpec("stop", "Stop.", {"type": "object", "properties": {}}),
)


def with_ids_of_its_own(behaviour: Behaviour) -> Any:
    """Return a model whose calls have other ids each time, as those of providers have."""
    port = behaviour.completion()

    def reply(request: CompletionRequest) -> Completion:
        given = port.complete(request)
        calls = tuple(msgspec.structs.replace(call, id=f"call_{uuid4().hex}") for call in given.message.tool_calls)
        return msgspec.structs.replace(given, message=msgspec.structs.replace(given.message, tool_calls=calls))

    return FunctionCompletion(reply)


def result_of(completion: Any, recorder: Any = None, *, is_async: bool = False) -> Any:
    """Return how an agent's run ends, as far as it is the same each time."""
    kind: Any = lmb.AsyncAgentBot if is_async else lmb.AgentBot
    bot = kind("Help.", tools=[EchoToolbox(TOOLS)], completion=completion, model="m", limits=lmb.Limits(decisions=4))
    try:
        with override_everywhere(observer=recorder) if recorder else override_everywhere():
            result = asyncio.run(bot.run("?")) if is_async else bot.run("?")
    except lmb.errors.LlamabotError as error:
        return type(error), str(error).partition("run ")[0]
    texts = [(message.role, message.text) if hasattr(message, "role") else message.text for message in result.messages]
    return texts, result.usage, result.cost_usd


@settings(max_examples=25)
@given(behaviour=behaviours(tools=TOOLS), was_async=st.booleans(), is_async=st.booleans())
def test_a_recorded_run_is_replayed_and_recorded_anew_as_it_was(
    behaviour: Behaviour, was_async: bool, is_async: bool
) -> None:
    with TemporaryDirectory() as folder:
        paths = Path(folder, "one.json"), Path(folder, "two.json")
        results = []
        for path in paths:
            recorder = InMemoryRecorder()
            results.append(result_of(with_ids_of_its_own(behaviour), recorder, is_async=was_async))
            write_recording(path, [recorder])
        recording = Recording(paths[0])
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert result_of(recording.completion, is_async=is_async) == results[0] == results[1]
        assert not recording.missed


@settings(max_examples=20)
@given(request=requests(), other=requests())
def test_what_is_asked_is_told_in_full(request: CompletionRequest, other: CompletionRequest) -> None:
    same = msgspec.structs.replace(
        request, timeout_s=1.0, options={**request.options, "api_base": "http://127.0.0.1:1"}
    )
    assert lines_of(same) == lines_of(request)
    if request.model != other.model:
        assert lines_of(msgspec.structs.replace(request, model=other.model)) != lines_of(request)
    if request.tools != other.tools:
        assert lines_of(msgspec.structs.replace(request, tools=other.tools)) != lines_of(request)


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


def recorded(path: Path, recorder: InMemoryRecorder, call: Callable[[], Any]) -> Any:
    with override_everywhere(observer=recorder):
        result = call()
    write_recording(path, [recorder])
    return result


def test_the_same_question_gets_its_answers_in_their_order(tmp_path: Path, recorder: InMemoryRecorder) -> None:
    path = tmp_path / "dice.llamabot.json"
    bot = lmb.SimpleBot(completion=ScriptedCompletion(["4", "2"]), model="m")
    recorded(path, recorder, lambda: [bot("Roll.").text, bot("Roll.").text])
    again = lmb.SimpleBot(completion=Recording(path).completion, model="m")
    assert [again("Roll.").text, again("Roll.").text] == ["4", "2"]
    with pytest.raises(RecordingMissed, match="more often now than then"):
        again("Roll.")


def test_a_miss_shows_what_differs_from_the_nearest(tmp_path: Path, recorder: InMemoryRecorder) -> None:
    path = tmp_path / "qed.llamabot.json"
    bot = lmb.SimpleBot("You are Feynman.", completion=ScriptedCompletion(["a", "b"]), model="m")
    other = lmb.SimpleBot("You are Bohr.", completion=ScriptedCompletion(["c"]), model="m")
    recorded(path, recorder, lambda: [bot("Explain QED."), other("What is an atom?")])
    recording = Recording(path)
    with pytest.raises(RecordingMissed) as caught:
        bot.with_(completion=recording.completion)("Explain QCD.")
    told = str(caught.value).splitlines()
    assert '-   "content": "Explain QED.",' in told
    assert '+   "content": "Explain QCD.",' in told
    assert "Bohr" not in str(caught.value)
    assert recording.missed == [str(caught.value)]


def test_errors_of_the_provider_are_recorded_too(tmp_path: Path, recorder: InMemoryRecorder) -> None:
    path = tmp_path / "busy.llamabot.json"
    limited = lmb.errors.RateLimited("slow down", retry_after_s=7.0)
    bot = lmb.SimpleBot(completion=ScriptedCompletion([limited, "there"]), model="m")

    def patient(bot: lmb.SimpleBot) -> tuple[float | None, str]:
        with pytest.raises(lmb.errors.RateLimited) as caught:
            bot("Hello?")
        return caught.value.retry_after_s, bot("Hello?").text

    assert recorded(path, recorder, lambda: patient(bot)) == (7.0, "there")
    assert patient(bot.with_(completion=Recording(path).completion)) == (7.0, "there")


def test_what_a_model_can_do_is_recorded(tmp_path: Path, recorder: InMemoryRecorder) -> None:
    path = tmp_path / "number.llamabot.json"
    for takes in (True, False):
        port = ScriptedCompletion(["7"], capabilities=ModelCapabilities(output_schema=takes))
        bot = lmb.StructuredBot("Count.", output=int, completion=port, model=f"takes-{takes}")
        recorded(path, InMemoryRecorder(), lambda bot=bot: bot("seven"))
        assert bot.with_(completion=Recording(path).completion)("seven") == 7


def test_calls_made_at_once_are_written_in_one_order(tmp_path: Path) -> None:
    written = []
    for turns in (("a", "b", "c"), ("c", "a", "b")):
        recorder, barrier = InMemoryRecorder(), threading.Barrier(3)

        def reply(request: CompletionRequest, barrier: threading.Barrier = barrier) -> str:
            barrier.wait(10)  # all have started before one ends
            return request.messages[-1].text.upper()

        bot = lmb.SimpleBot(completion=FunctionCompletion(reply), model="m")
        with override_everywhere(observer=recorder):
            threads = [threading.Thread(target=bot, args=(word,)) for word in turns]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        write_recording(tmp_path / "at_once.json", [recorder])
        written.append((tmp_path / "at_once.json").read_bytes())
    assert written[0] == written[1]


def test_tools_that_end_in_another_order_are_written_in_one(tmp_path: Path) -> None:
    written = []
    for last in ("one", "two"):
        recorder, other = InMemoryRecorder(), threading.Event()

        def work(name: str, last: str = last, other: threading.Event = other) -> str:
            assert name != last or other.wait(10)
            return name

        def one() -> str:
            """Do one thing."""
            return work("one")

        def two() -> str:
            """Do another."""
            return work("two")

        calls = tuple(lmb.ToolCall(name, name, "{}") for name in ("one", "two"))
        script = [lmb.AssistantMessage("", tool_calls=calls), "done"]
        agent = lmb.AgentBot("", tools=[one, two], completion=ScriptedCompletion(script), model="m")
        with override_everywhere(observer=recorder), agent.stream("go") as events:
            for event in events:
                if isinstance(event, lmb.ToolFinished):
                    other.set()
        write_recording(tmp_path / "tools.json", [recorder])
        written.append((tmp_path / "tools.json").read_bytes())
    assert written[0] == written[1]


def test_no_key_is_written(tmp_path: Path, recorder: InMemoryRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "a plain sentence as a key")
    path = tmp_path / "leak.llamabot.json"
    bot = lmb.SimpleBot(
        "Authorization: Bearer abcdefgh12345678",
        completion=FunctionCompletion(lambda _: "it is a plain sentence as a key, or sk-abcdefghijklmnop1234"),
        model="m",
        options={"api_key": "hunter2hunter2", "api_base": "http://127.0.0.1:7", "top_p": 0.5},
    )
    recorded(path, recorder, lambda: bot("What is the key?"))
    text = path.read_text(encoding="utf-8")
    for secret in ("plain sentence", "hunter2", "abcdefgh", "127.0.0.1"):
        assert secret not in text
    assert bot.with_(completion=Recording(path).completion)("What is the key?").text.startswith("it is [secret]")


def test_a_recording_is_an_export(tmp_path: Path, recorder: InMemoryRecorder) -> None:
    path = tmp_path / "run.llamabot.json"
    bot = lmb.SimpleBot(completion=ScriptedCompletion(["hi"]), model="m", options={"api_base": "http://127.0.0.1:7"})
    recorded(path, recorder, lambda: bot("hello"))
    assert read_export(path).run_ids == ("run-1",)
    assert bot.replay(path).text == "hi"


def test_an_export_of_any_run_is_a_recording(tmp_path: Path, recorder: InMemoryRecorder) -> None:
    bot = lmb.SimpleBot(completion=ScriptedCompletion(["hi"]), model="m", recorder=recorder)
    recorder.export(bot.run("hello").run_id, tmp_path / "incident.json")
    assert bot.with_(completion=Recording(tmp_path / "incident.json").completion)("hello").text == "hi"


def test_a_bots_own_recorder_goes_on_recording(recorder: InMemoryRecorder) -> None:
    own = InMemoryRecorder()
    bot = lmb.SimpleBot(completion=ScriptedCompletion(["hi", "ho"]), model="m", recorder=own)
    with override_everywhere(observer=recorder):
        run_id = bot.run("hello").run_id
    assert own.events(run_id) == recorder.events(run_id) != ()
    assert recorder.events(bot.run("hello").run_id) == ()


def test_a_recorder_that_is_empty_and_so_false_records_all_the_same() -> None:
    class Counted(InMemoryRecorder):
        def __len__(self) -> int:
            return len(list(self.runs()))

    own = Counted()
    lmb.SimpleBot(completion=ScriptedCompletion(["hi"]), model="m", recorder=own)("hello")
    assert len(own) == 1
