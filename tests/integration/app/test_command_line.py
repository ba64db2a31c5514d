"""The command line over a scripted model: what goes in, what comes out, what is recorded, how it ends."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import pytest
from tests.integration.app.command import Command, Ended

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, Usage
from llamabot.ports.errors import AuthenticationFailed, ConfigurationError, RateLimited
from llamabot.ports.messages import AssistantMessage
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, VirtualClock

PERSON = {"title": "Person", "type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def _log(project: Path) -> lmb.SqliteRecorder:
    return lmb.SqliteRecorder(project / ".llamabot" / "runs.db")


def test_answers_a_question_and_records_it(command: Command, project: Path) -> None:
    model = ScriptedCompletion(["It is [bold]broken[/bold]."])
    with lmb.override(completion=model):
        ended = command("ask", "What", "is", "it?", "-m", "m", "-s", "Be short.", "-t", "0.5")
    assert ended == Ended(0, "It is [bold]broken[/bold].\n", "")
    request = model.requests[0]
    assert [message.text for message in request.messages] == ["Be short.", "What is it?"]
    assert (request.model, request.temperature) == ("m", 0.5)
    with _log(project) as log:
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


def test_lists_what_fits_the_filters(command: Command, project: Path) -> None:
    with _log(project) as log, lmb.override(completion=ScriptedCompletion(["a", "b", RateLimited("c")])):
        bot = lmb.SimpleBot(recorder=log, model="m")
        bot.with_(name="first")("?", tags={"user": "7", "day": "1"})
        bot.with_(name="second")("?", tags={"user": "7"})
        with pytest.raises(RateLimited):
            bot.with_(name="third")("?")
    names = ["first", "second", "third"]

    def listed(*arguments: str) -> list[str]:
        return [name for row in command("runs", *arguments).out.splitlines()[1:] for name in names if name in row]

    assert listed() == ["third", "second", "first"]
    assert listed("--tag", "user=7") == ["second", "first"]
    assert listed("--tag", "user=7", "--tag", "day=1") == ["first"]
    assert listed("--status", "failed") == ["third"]
    assert listed("--limit", "1") == ["third"]
    assert listed("--since", "1h") == ["third", "second", "first"]
    assert listed("--since", "2999-01-01") == []
    assert "no such run" in command("runs", "--tag", "user=8").err


def test_shows_a_run_by_the_beginning_of_its_id(command: Command, project: Path) -> None:
    with _log(project) as log:
        for run_id in ("aaa1", "aab2", "aab23"):
            ids = type("Ids", (), {"new_id": lambda self, run_id=run_id: run_id})()
            completion = ScriptedCompletion([f"answer of {run_id}"])
            lmb.SimpleBot(recorder=log, model="m", ids=ids, completion=completion)("?")
    assert "answer of aaa1" in command("show", "aaa").out
    assert "answer of aab2\n" in command("show", "aab2").out
    assert "answer of aab23" in command("show", "last").out
    ended = command("show", "aa")
    assert (ended.status, ended.out) == (2, "")
    assert "3 runs have an id that begins with 'aa'" in ended.err
    assert command("show", "").status == 2


def test_shows_all_that_a_run_did(command: Command, project: Path) -> None:
    (project / "person.json").write_text(json.dumps(PERSON))
    long = "\n".join(f"line {number}" for number in range(50))
    with lmb.override(completion=ScriptedCompletion(["no", '{"age": 25}'])):
        command("ask", long, "-m", "m", "-s", "Extract.", "-t", "0", "--schema", "person.json")
    tree = command("show").out
    for part in ("ask  completed", "m · ", "1  describe_model", "2  complete", "3  complete", "first token after"):
        assert part in tree
    for part, times in [("Extract.", 1), ("line 0", 1), ("temperature 0 · schema Person", 2), ("was not accepted", 1)]:
        assert tree.count(part) == times, part
    assert "line 49" not in tree
    assert "more characters (--full)" in tree
    assert "line 49" in command("show", "last", "--full").out


def test_shows_what_went_wrong(command: Command, project: Path) -> None:
    chunks = [CompletionChunk(text="half an answer"), RateLimited("slow \x1b[31m down")]
    with lmb.override(completion=ScriptedCompletion([chunks])):
        command("ask", "?")
    tree = command("show").out
    assert "ask  failed" in tree
    assert "half an answer" in tree
    assert tree.count("RateLimited  slow ␛[31m down") == 2


def test_shows_what_was_tried_before_an_answer(command: Command, project: Path) -> None:
    model = ScriptedCompletion([RateLimited("slow down", retry_after_s=2.0), AuthenticationFailed("no key"), "Hi!"])
    port = lmb.Fallback(lmb.Retry(model, random=lambda: 0.0), "second")
    with lmb.override(completion=port, clock=VirtualClock()):
        command("ask", "?", "-m", "first")
    tree = command("show").out
    assert "retry  first  RateLimited  slow down  waited 2 s" in tree
    assert "fallback  first  AuthenticationFailed  no key" in tree


def test_shows_runs_inside_of_each_other(command: Command, project: Path) -> None:
    answer = Completion(AssistantMessage("a"), FinishReason.STOP, Usage(10, 5), 0.25)
    with _log(project) as log, lmb.override(completion=ScriptedCompletion([answer, answer]), recorder=log):
        with lmb.span("outer", tags={"k": "v"}), lmb.span("inner"):
            lmb.SimpleBot(model="m", name="first")("?")
        lmb.SimpleBot(model="m", name="alone")("?")
    rows = command("runs").out.splitlines()
    assert len(rows) == 3
    assert rows[2].split()[3:] == ["outer", "m", "completed", "10", "in,", "5", "out", "$0.25", *rows[2].split()[-2:]]
    tree = command("show", rows[2].split()[0]).out
    assert next(line for line in tree.splitlines() if "inner  completed" in line).startswith("└── inner")
    assert "k=v" in tree
    assert tree.count("10 in, 5 out · $0.25") == 4  # the three runs and the effect


def test_deletes_old_runs_alone(command: Command, project: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["a"])):
        command("ask", "?")
    assert "0 runs older than 30 days deleted" in command("prune").err
    assert "1 run older than 0 days deleted" in command("prune", "--keep-days", "0").err
    ended = command("runs")
    assert (ended.status, ended.out) == (0, "")
    assert "nothing is recorded yet" in ended.err


def test_makes_nothing_by_looking(command: Command, project: Path) -> None:
    for arguments in (["runs"], ["show"], ["prune"], ["doctor"]):
        command(*arguments)
    assert [path.name for path in project.iterdir()] == ["pyproject.toml"]


def test_leaves_no_trace_in_the_process(command: Command, project: Path) -> None:
    logger = logging.getLogger("llamabot")
    before = (list(logger.handlers), logger.propagate, list(warnings.filters))
    command("runs")
    assert (list(logger.handlers), logger.propagate, list(warnings.filters)) == before


def test_keeps_to_ports_that_are_overridden(command: Command, project: Path) -> None:
    recorder = InMemoryRecorder()
    with lmb.override(completion=ScriptedCompletion(["a"]), recorder=recorder):
        command("ask", "?")
    assert len(list(recorder.runs())) == 1
    assert not (project / ".llamabot").exists()


def test_copies_lists_and_deletes_models_of_the_users_own(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", str(project / "models"))
    (project / "mine.gguf").write_bytes(b"GGUF" + bytes(3_000_000))
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    assert "LLAMABOT_OFFLINE" in command("local", "install").err
    assert "the model 'minilm' is not here" in command("local", "install", "embedded/minilm").err
    ended = command("local", "install", "--from", "mine.gguf")
    assert (ended.status, ended.out) == (0, "")
    assert "embedded/mine is here" in ended.err
    listed = command("local", "list").out
    assert "embedded/mine      3 MB" in listed
    assert "embedded/smollm2  98 MB  Apache-2.0  not here: llamabot local install smollm2" in listed
    assert "embedded/minilm   23 MB  Apache-2.0  not here: llamabot local install minilm" in listed
    told = command("doctor").out
    assert "embedded/mine, an installed model" in told
    assert "embedding     embedded/minilm, the default; the model 'minilm' is not installed; install it with" in told
    monkeypatch.setenv("LLAMABOT_EMBEDDING", "openai/text-embedding-3-small")
    assert "openai/text-embedding-3-small through LiteLLM, says LLAMABOT_EMBEDDING" in command("doctor").out
    assert command("local", "remove", "embedded/mine").status == 0
    assert "embedded/mine" not in command("local", "list").out


CANARY = "sk-canary-4711"


def test_says_what_of_a_strangers_file_does_not_count_until_it_is_trusted(command: Command, project: Path) -> None:
    file = project / "llamabot.toml"
    file.write_text(
        f'model = "openai/gpt-x"\n[options]\ntop_p = 0.5\napi_base = "https://u:{CANARY}@host.example/v1?k={CANARY}"\n'
        f'api_key = "{CANARY}"\nextra_headers = {{Authorization = "Bearer {CANARY}", "x\\u001b[31m" = "y"}}\n'
    )
    with lmb.override(completion=ScriptedCompletion(["a", "b", "c"])):
        untrusted = command("ask", "?")
        assert (untrusted.status, untrusted.out, untrusted.err.count("\n")) == (0, "a\n", 1)
        assert "options.api_base, options.api_key, options.extra_headers" in untrusted.err
        assert "`llamabot trust`" in untrusted.err

        shown = command("trust")
        assert (shown.status, shown.err) == (0, f"llamabot: all of {file} counts from now on, until it changes\n")
        assert shown.out.splitlines() == [
            'model = "openai/gpt-x"',
            "options.top_p = 0.5",
            'options.api_base = "https://host.example/v1"',
            'options.api_key = "[secret]"',
            'options.extra_headers.Authorization = "[secret]"',
            'options.extra_headers.x␛[31m = "y"',
        ]
        assert command("ask", "?").err == ""
        assert CANARY not in repr([untrusted, shown, command("doctor"), command("show")])

        file.write_text(file.read_text() + "# changed")
        assert "does not count" in command("ask", "?").err


def test_trusts_nothing_that_it_cannot_show(command: Command, project: Path) -> None:
    (project / "llamabot.toml").write_text("model = ")
    ended = command("trust")
    assert (ended.status, ended.out) == (2, "")
    assert "cannot be read" in ended.err


def test_names_keys_and_never_shows_them(command: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    ended = command("doctor", "--model", "openai/gpt-x")
    assert (ended.status, ended.err) == (0, "")
    lines = {line[:14].strip(): line[14:] for line in ended.out.splitlines()}
    assert lines["keys set"] == "AWS_SECRET_ACCESS_KEY, OPENAI_API_KEY"
    assert "OPENAI_API_KEY" not in lines["keys not set"]
    assert lines["model"] == "openai/gpt-x, named by --model"
    assert lines["adapter"].startswith("LiteLLM")
    assert lines["records to"] == f"{project}/.llamabot/runs.db, the command line's own place"
    assert all(f"{package} " in lines["extra cli"] for package in ("jsonschema", "rich", "typer"))
    assert CANARY not in ended.out


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LLAMABOT_MODEL", "openai/env", "openai/env, set by LLAMABOT_MODEL"),
        ("LLAMABOT_RECORD", "off", "off, says LLAMABOT_RECORD"),
        ("LLAMABOT_RECORD", "metadata", "runs.db, without contents, says LLAMABOT_RECORD"),
        ("LLAMABOT_RECORD", "log.db", "log.db, says LLAMABOT_RECORD"),
        ("LLAMABOT_OFFLINE", "1", "forbidden by LLAMABOT_OFFLINE"),
    ],
)
def test_says_why_something_would_be_used(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    (project / "llamabot.toml").write_text('model = "openai/file"')
    assert f"openai/file, set in {project}/llamabot.toml" in command("doctor").out
    monkeypatch.setenv(name, value)
    assert said in command("doctor").out


def test_examines_what_it_can_when_something_is_broken(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", str(project / "models"))
    ended = command("doctor")
    assert (ended.status, "records to" in ended.out) == (2, True)
    assert ended.err.startswith("llamabot: no model is set")
    (project / "llamabot.toml").write_text("modle = 1")
    ended = command("doctor")
    assert (ended.status, "keys set" in ended.out) == (2, True)
    assert "'modle'" in ended.err
