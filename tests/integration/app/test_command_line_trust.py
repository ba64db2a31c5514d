"""What the command line tells of models, settings and keys, and which it trusts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.app.command import Command

import llamabot as lmb
from llamabot.testing import ScriptedCompletion


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
