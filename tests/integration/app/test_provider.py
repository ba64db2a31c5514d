"""The process-wide provider: what `configure` said, else the container's, for the folder and environment of now."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from dependency_injector import providers
from tests.integration.app.provided import ask_a_bot, go_to
from tests.servers.chat import ChatServer, answer

import llamabot as lmb
from llamabot.app.provider import AppProvider
from llamabot.app.settings import current_model, current_record, current_settings
from llamabot.app.trust import trust
from llamabot.domain.messages import to_messages
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.errors import ConfigurationError, UnknownArgument, UsageError
from llamabot.ports.provider import Provider, set_provider_factory
from llamabot.testing import CountingIds, HashedEmbedding, InMemoryRecorder, ScriptedCompletion, TickingClock

CANARY = "sk-canary-4711"


def test_answers_with_what_was_configured(provider: AppProvider) -> None:
    model, recorder = ScriptedCompletion(["hello"]), InMemoryRecorder()
    lmb.configure(completion=model, recorder=recorder, clock=TickingClock(), ids=CountingIds(), model="m")
    result = lmb.SimpleBot().run("hi")
    assert (result.text, model.requests[0].model) == ("hello", "m")
    assert lmb.recorder() is recorder
    assert [run.run_id for run in recorder.runs()] == [result.run_id]


def test_names_every_way_to_set_a_model(provider: AppProvider) -> None:
    with pytest.raises(ConfigurationError) as caught:
        lmb.SimpleBot()("hi")
    for way in ('model="…"', "lmb.configure", "LLAMABOT_MODEL", "llamabot.toml", "local install", "embedded/smollm2"):
        assert way in str(caught.value)


def test_takes_a_model_from_the_argument_then_configure_then_the_settings(
    provider: AppProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedCompletion(["a"] * 4)
    go_to(tmp_path / "p", 'model = "file"')
    lmb.configure(completion=model)
    lmb.SimpleBot()("hi")
    monkeypatch.setenv("LLAMABOT_MODEL", "environment")
    lmb.SimpleBot()("hi")
    lmb.configure(model="configured")
    lmb.SimpleBot()("hi")
    lmb.SimpleBot(model="argument")("hi")
    assert [request.model for request in model.requests] == ["file", "environment", "configured", "argument"]


def test_what_each_call_looks_up_follows_the_file_once_that_was_read_anew(
    provider: AppProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = go_to(tmp_path / "p", 'model = "old"\nrecord = "old.db"')
    assert (current_model(), current_record()) == ("old", str(file.parent / "old.db"))
    file.write_text('model = "new"\nrecord = "new.db"')
    assert current_model() == "old"
    monkeypatch.setenv("LLAMABOT_WIRE_URL", "http://127.0.0.1:1/v1")
    assert current_settings().model == "new"
    assert (current_model(), current_record()) == ("new", str(file.parent / "new.db"))
    monkeypatch.setenv("LLAMABOT_MODEL", "environment")
    assert (current_model(), current_record()) == ("environment", str(file.parent / "new.db"))


def test_refuses_a_default_that_does_not_exist(provider: AppProvider) -> None:
    with pytest.raises(UnknownArgument, match="recorder"):
        lmb.configure(recoder="runs.db")  # type: ignore[call-arg]  # the typo is the test


def test_says_whose_defaults_it_sets() -> None:
    class Theirs:
        pass

    def make() -> Provider:
        return Theirs()  # type: ignore[return-value]  # what it can do is not asked

    set_provider_factory(make)
    try:
        with pytest.raises(UsageError, match="another one is in force"):
            lmb.configure(model="m")
    finally:
        set_provider_factory(AppProvider)


def test_keeps_the_log_in_memory_when_something_else_is_configured(provider: AppProvider) -> None:
    lmb.configure(completion=ScriptedCompletion(["one", "two"]), model="m")
    lmb.SimpleBot()("hi")
    lmb.configure(model="n", options={"top_p": 1})
    lmb.SimpleBot()("hi")
    recorder = lmb.recorder()
    assert recorder is not None
    assert [run.model for run in recorder.runs()] == ["n", "m"]


def test_records_nothing_when_it_is_told_so_in_any_letters(provider: AppProvider, tmp_path: Path) -> None:
    lmb.configure(recorder="OFF")
    assert lmb.recorder() is None
    lmb.configure(recorder=" Metadata ")
    assert type(lmb.recorder()).__name__ == "MetadataRecorder"
    assert list(tmp_path.iterdir()) == []


def test_records_where_the_settings_say(provider: AppProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lmb.configure(completion=ScriptedCompletion(["a"] * 3), model="m")
    monkeypatch.setenv("LLAMABOT_RECORD", "off")
    assert lmb.recorder() is None
    lmb.SimpleBot()("hi")
    monkeypatch.setenv("LLAMABOT_RECORD", "runs.db")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        lmb.SimpleBot()("hi")
    lmb.configure(container=None)  # drops, and so flushes, what was made
    for folder in ("a", "b"):
        with lmb.SqliteRecorder(tmp_path / folder / "runs.db") as log:
            assert len(list(log.runs())) == 1


def test_records_to_a_path_that_was_configured(provider: AppProvider, tmp_path: Path) -> None:
    lmb.configure(completion=ScriptedCompletion(["a"]), model="m", recorder=tmp_path / "runs.db")
    lmb.SimpleBot()("hi")
    log = lmb.recorder()
    assert isinstance(log, lmb.SqliteRecorder)
    lmb.configure(recorder="off")
    assert lmb.recorder() is None
    lmb.configure(recorder=None)
    assert isinstance(lmb.recorder(), InMemoryRecorder)
    assert len(list(log.runs())) == 1
    log.close()


def test_keeps_content_out_of_a_log_of_metadata(provider: AppProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_RECORD", "metadata")
    lmb.configure(completion=ScriptedCompletion(["the answer"]), model="m")
    run_id = lmb.SimpleBot().run("the question").run_id
    recorder = lmb.recorder()
    assert recorder is not None
    told = repr(recorder.events(run_id))
    assert "complete" in told
    assert "the answer" not in told
    assert "the question" not in told


def test_gives_every_thread_the_same_ports(provider: AppProvider) -> None:
    seen: list[object] = []
    together = threading.Barrier(16)

    def look() -> None:
        together.wait()
        seen.append((provider.recorder(), provider.clock(), provider.ids(), provider.completion("openai/x")))

    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(map(id, ports)) for ports in seen}) == 1  # type: ignore[call-overload]  # they are tuples


@pytest.mark.loopback
def test_sends_the_key_to_no_address_of_a_strangers_folder(
    provider: AppProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ChatServer() as theirs, ChatServer() as ours:
        monkeypatch.setenv("OPENAI_API_KEY", CANARY)
        monkeypatch.setenv("OPENAI_API_BASE", ours.api_base)
        ours.script(answer("ours"))
        file = go_to(tmp_path / "theirs", f'model = "openai/gpt-x"\n[options]\napi_base = "{theirs.api_base}"')
        with pytest.warns(UserWarning, match=r"options\.api_base"):
            assert str(lmb.SimpleBot()("hi")) == "ours"
        assert theirs.exchanges == []
        assert ours.exchanges[0].headers["authorization"] == f"Bearer {CANARY}"

        trust(file, file.read_bytes())
        theirs.script(answer("theirs"))
        os.chdir(tmp_path)
        os.chdir(file.parent)
        _read_again()
        assert str(lmb.SimpleBot()("hi")) == "theirs"

        file.write_text(file.read_text() + "# changed\n")
        _read_again()
        ours.script(answer("ours again"))
        with pytest.warns(UserWarning, match=r"options\.api_base"):
            assert str(lmb.SimpleBot()("hi")) == "ours again"
        assert len(theirs.exchanges) == 1


@pytest.mark.loopback
def test_takes_the_address_of_the_folder_it_is_in(provider: AppProvider, tmp_path: Path) -> None:
    with ChatServer() as first, ChatServer() as second:
        files = [
            go_to(tmp_path / name, f'[options]\napi_base = "{server.api_base}"\napi_key = "{CANARY}-{name}"')
            for name, server in (("first", first), ("second", second))
        ]
        for file in files:
            trust(file, file.read_bytes())
        for file, server in zip(files * 2, (first, second) * 2, strict=True):
            os.chdir(file.parent)
            server.script(answer(file.parent.name))
            assert ask_a_bot() == file.parent.name
        for server in (first, second):
            assert len({exchange.headers["authorization"] for exchange in server.exchanges}) == 1


@pytest.mark.loopback
def test_takes_configured_options_instead_of_the_files(provider: AppProvider, tmp_path: Path) -> None:
    with ChatServer() as server:
        go_to(tmp_path / "p", "options.top_p = 0.5")
        lmb.configure(options={"api_base": server.api_base, "api_key": CANARY, "seed": 7})
        server.script(answer("a"), answer("b"))
        assert ask_a_bot() == "a"
        body = server.exchanges[0].body
        assert (body.get("seed"), body.get("top_p")) == (7, None)
        assert CANARY not in repr(provider.completion("openai/x"))
        lmb.configure(options={"api_base": server.api_base, "api_key": "other"})
        assert ask_a_bot() == "b"
        assert server.exchanges[1].headers["authorization"] == "Bearer other"


def test_asks_no_provider_while_offline(provider: AppProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    request = CompletionRequest("openai/x", to_messages("hi"))
    with pytest.raises(ConfigurationError, match="LLAMABOT_OFFLINE"):
        provider.completion("openai/x").complete(request)  # type: ignore[union-attr]  # the adapter has both colours


def test_asks_a_container_for_an_embedder(provider: AppProvider) -> None:
    container, hashed = lmb.Container(), HashedEmbedding()
    container.embedding.override(providers.Object(hashed))
    lmb.configure(container=container)
    assert provider.embedding() is hashed


def _read_again() -> None:
    """Have the settings read anew, as a new process would."""
    here = Path.cwd()
    os.chdir("/")
    lmb.recorder()
    os.chdir(here)
