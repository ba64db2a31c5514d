"""The command line over a scripted model: what goes in, what comes out, what is recorded, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.app.command import PERSON, Command, Ended, log_of

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, Usage
from llamabot.ports.errors import AuthenticationFailed, ConfigurationError, RateLimited
from llamabot.ports.messages import AssistantMessage
from llamabot.testing import ScriptedCompletion


def test_answers_a_question_and_records_it(command: Command, project: Path) -> None:
    model = ScriptedCompletion(["It is [bold]broken[/bold]."])
    with lmb.override(completion=model):
        ended = command("ask", "What", "is", "it?", "-m", "m", "-s", "Be short.", "-t", "0.5")
    assert ended == Ended(0, "It is [bold]broken[/bold].\n", "")
    request = model.requests[0]
    assert [message.text for message in request.messages] == ["Be short.", "What is it?"]
    assert (request.model, request.temperature) == ("m", 0.5)
    with log_of(project) as log:
        (run,) = log.runs()
    assert (run.bot, run.model, run.status) == ("ask", "m", "completed")


def test_gives_a_pipe_the_text_as_it_is(command: Command, project: Path) -> None:
    hostile = "\x1b]0;title\x07é🙂\r\n" + "x" * 100_000
    with lmb.override(completion=ScriptedCompletion([hostile, hostile])):
        assert command("ask", "?").out == hostile + "\n"
        assert command("ask", "?", "--no-stream").out == hostile + "\n"


@pytest.mark.parametrize(
    ("words", "stdin", "asked"),
    [
        (["Sum it up:"], b"the text\n", "Sum it up:\n\nthe text"),
        ([], b"\xef\xbb\xbfthe question\n", "the question"),
        (["just this"], b"  \n", "just this"),
    ],
)
def test_reads_a_pipe(command: Command, project: Path, words: list[str], stdin: bytes, asked: str) -> None:
    model = ScriptedCompletion(["yes"])
    with lmb.override(completion=model):
        command("ask", *words, stdin=stdin)
    assert model.requests[0].messages[-1].text == asked


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["ask"], b" \n", "nothing was asked"),
        (["ask", "?"], b"\xff\xfe", "not UTF-8"),
        (["ask", "?", "--schema", "none.json"], b"", "the schema none.json cannot be read: No such file"),
        (["ask", "?", "--schema", "broken.json"], b"", "the schema broken.json is not JSON"),
        (["ask", "?", "--schema", "list.json"], b"", "the schema list.json is not a JSON object"),
        (["ask", "?", "--schema", "type.json"], b"", "'strin' is not valid"),
        (["ask", "?", "--sytem", "x"], b"", "--sytem"),
        (["ask", "a half \ud83d"], b"", "lone surrogate"),
        (["aks", "?"], b"", "ask"),
        (["runs", "--status", "lost"], b"", "lost"),
        (["runs", "--limit", "0"], b"", "--limit"),
        (["runs", "--tag", "x"], b"", "name=value"),
        (["runs", "--since", "yore"], b"", "is no time"),
        (["prune", "--keep-days", "-1"], b"", "--keep-days"),
        (["show"], b"", "nothing is recorded here yet"),
        (["show", "abc"], b"", "'abc'"),
        (["trust"], b"", "there is no llamabot.toml"),
        (["trust", "other.toml"], b"", "not called llamabot.toml"),
        (["local", "install", "gpt-9"], b"", "no model 'gpt-9'"),
        (["local", "remove", "gpt-9"], b"", "not installed"),
        (["local", "install", "--from", "none.gguf"], b"", "none.gguf"),
    ],
)
def test_tells_wrong_use_in_one_line(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], stdin: bytes, said: str
) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", str(project / "models"))
    (project / "broken.json").write_text("{")
    (project / "list.json").write_text("[]")
    (project / "type.json").write_text('{"type": "strin"}')
    with lmb.override(completion=ScriptedCompletion()):
        ended = command(*arguments, stdin=stdin)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("llamabot: ")
    assert said in ended.err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RateLimited("slow\ndown \x1b[31m"), 1, "llamabot: slow down ␛[31m\n"),
        (AuthenticationFailed("the key is wrong"), 1, "llamabot: the key is wrong\n"),
        (ConfigurationError("set it"), 2, "llamabot: set it\n"),
        (ZeroDivisionError("oops"), 70, "fault of llamabot: ZeroDivisionError: oops"),
        (OSError(28, "No space left on device"), 1, "No space left"),
    ],
)
def test_tells_by_its_status_who_must_act(
    command: Command, project: Path, error: Exception, status: int, said: str
) -> None:
    with lmb.override(completion=ScriptedCompletion([error, error])):
        ended = command("ask", "?")
        assert (ended.status, ended.out) == (status, "")
        assert said in ended.err
        assert ended.err.count("\n") == 1
        debugged = command("ask", "--debug", "?")
        assert "Traceback (most recent call last)" in debugged.err
        assert "\x1b" not in debugged.err
        assert debugged.err.splitlines()[-1] == ended.err.splitlines()[-1]


def test_takes_no_question_for_an_option(command: Command, project: Path) -> None:
    model = ScriptedCompletion(["yes"])
    with lmb.override(completion=model):
        command("ask", "--", "--debug")
    assert model.requests[0].messages[-1].text == "--debug"


def test_writes_what_had_arrived_before_an_error(command: Command, project: Path) -> None:
    chunks = [CompletionChunk(text="The first half"), RateLimited("no more")]
    with lmb.override(completion=ScriptedCompletion([chunks])):
        ended = command("ask", "?")
    assert ended == Ended(1, "The first half\n", "llamabot: no more\n")


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [("cut", FinishReason.LENGTH, "cut off"), ("", FinishReason.STOP, "empty"), ("whole", FinishReason.STOP, "")],
)
@pytest.mark.parametrize("options", [[], ["--no-stream"]])
def test_says_when_an_answer_is_not_what_it_seems(
    command: Command, project: Path, text: str, reason: FinishReason, said: str, options: list[str]
) -> None:
    completion = Completion(AssistantMessage(text), reason, Usage(1, 1))
    with lmb.override(completion=ScriptedCompletion([completion])):
        ended = command("ask", "?", *options)
    assert said in ended.err
    assert bool(ended.err) is bool(said)


def test_gives_json_that_fits_a_schema(command: Command, project: Path) -> None:
    (project / "person.json").write_text(json.dumps(PERSON))
    model = ScriptedCompletion(['{"age": "old"}', '{"age": 25}'])
    with lmb.override(completion=model):
        ended = command("ask", "Ana is 25", "--schema", "person.json")
    assert (ended.status, json.loads(ended.out)) == (0, {"age": 25})
    assert "an answer was not accepted: 'old' is not of type 'integer' - at `$.age`" in ended.err
    assert model.requests[0].output is not None
    assert model.requests[0].output.name == "Person"


def test_gives_no_json_that_does_not_fit(command: Command, project: Path) -> None:
    (project / "person.json").write_text(json.dumps(PERSON))
    with lmb.override(completion=ScriptedCompletion(["no"] * 3)):
        ended = command("ask", "Ana", "--schema", "person.json")
    assert (ended.status, ended.out) == (3, "")
    assert "no answer fitted Person in 3 attempts" in ended.err.splitlines()[-1]


def test_chats_with_the_history(command: Command, project: Path) -> None:
    model = ScriptedCompletion(["Hello, Ana.", RateLimited("slow down"), "You are Ana."])
    with lmb.override(completion=model):
        ended = command("chat", stdin=b"I am Ana.\n\n  \nlost\nWho am I?\n")
    assert (ended.status, ended.out) == (0, "Hello, Ana.\nYou are Ana.\n")
    assert ended.err == "llamabot: slow down\n"
    asked = [message.text for message in model.requests[-1].messages]
    assert asked == ["I am Ana.", "Hello, Ana.", "Who am I?"]


def test_records_a_chat_as_one(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["a", "b"])):
        command("chat", "-m", "m", stdin=b"one\ntwo\n")
        command("chat", stdin=b"")
    rows = command("runs").out.splitlines()
    assert len(rows) == 2
    assert rows[1].split()[3:6] == ["chat", "m", "completed"]
    tree = command("show").out
    assert tree.count("complete  ") == 2
    assert "2 messages recalled" in tree


def test_leaves_a_chat_that_cannot_go_on(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion([ConfigurationError("no key")])):
        ended = command("chat", stdin=b"one\ntwo\n")
    assert (ended.status, ended.err) == (2, "llamabot: no key\n")


def test_says_that_a_chat_is_too_long(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion([lmb.errors.ContextTooLong("9 tokens are too many.")])):
        ended = command("chat", stdin=b"one\n")
    assert "9 tokens are too many. The conversation has grown too long" in ended.err


def test_names_every_way_to_a_model_when_there_is_none(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", str(project / "models"))
    ended = command("ask", "?")
    assert ended.status == 2
    for way in ("--model", "LLAMABOT_MODEL", "llamabot.toml", "llamabot local install"):
        assert way in ended.err
    assert not (project / "models").exists()


def test_asks_nobody_while_offline(command: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    ended = command("ask", "?", "-m", "openai/gpt-x")
    assert (ended.status, ended.out) == (2, "")
    assert "LLAMABOT_OFFLINE is set" in ended.err
