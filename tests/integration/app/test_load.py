"""Load: what the settings put around the ports that are made by default, and around no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from dependency_injector import providers
from tests.integration.app.command import Command
from tests.project import ROOT

import llamabot as lmb
from llamabot.app.building import build_completion, build_embedding
from llamabot.app.load import NO_LOAD, Load
from llamabot.app.settings import Settings, read_settings
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import split_secrets
from llamabot.testing import ScriptedCompletion

WHOLE = """
[load]
retry = 4
fallback = ["openai/gpt-5-nano", "embedded/smollm2"]
cache = "answers.db"
rpm = 500
tpm = 200_000
budget_usd = 5
budget_per = "month"
budget_by = "user"
shared = "shared.db"
prices = {"openai/mine" = [1e-7, 2e-7]}
"""


def layers(port: Any) -> list[str]:
    """Return the names of a port's classes, from the outside in."""
    found = []
    while isinstance(port, lmb.Retry | lmb.Fallback | lmb.Cache | lmb.RateLimit | lmb.Budget):
        found.append(type(port).__name__)
        port = port._port
    return [*found, type(port).__name__]


def test_says_nothing_where_nothing_is_set(tmp_path: Path) -> None:
    assert read_settings({}, tmp_path).load == NO_LOAD
    assert layers(build_completion("openai/x", settings=Settings())) == ["LiteLLMCompletion"]


def test_reads_the_table_with_its_paths_from_where_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "llamabot.toml").write_text(WHOLE)
    (tmp_path / "deep").mkdir()
    load = read_settings({}, tmp_path / "deep").load
    assert load == Load(
        retry=4,
        fallback=("openai/gpt-5-nano", "embedded/smollm2"),
        cache=str(tmp_path / "answers.db"),
        rpm=500,
        tpm=200_000,
        budget_usd=5.0,
        budget_per="month",
        budget_by="user",
        prices={"openai/mine": (1e-7, 2e-7)},
        shared=str(tmp_path / "shared.db"),
    )


def test_lets_the_environment_beat_the_file_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "llamabot.toml").write_text(WHOLE)
    said = {"LLAMABOT_LOAD": 'retry = 2, cache = "memory", shared = "~/here.db"'}
    load = read_settings(said, tmp_path).load
    assert (load.retry, load.cache, load.rpm) == (2, "memory", 500)
    assert load.shared == str(Path("~/here.db").expanduser())


@pytest.mark.parametrize(
    "said", ["retry = '3'", "retries = 3", "fallback = 'a'", "rpm = 1.5", "prices = {m = [1]}", "retry 3", "= {"]
)
def test_says_what_is_wrong_with_it(said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LLAMABOT_LOAD"):
        read_settings({"LLAMABOT_LOAD": said}, tmp_path)


def test_says_which_file_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "llamabot.toml").write_text("[load]\nrpm = 'many'")
    with pytest.raises(ConfigurationError, match=r"llamabot\.toml.*Expected `int.*rpm.*budget_usd"):
        read_settings({}, tmp_path)
    (tmp_path / "llamabot.toml").write_text("load = 3")
    with pytest.raises(ConfigurationError, match="'load' must be a table"):
        read_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('cache = "../answers.db"', "load.cache"),
        ('shared = "/tmp/shared.db"', "load.shared"),
        ('fallback = ["huggingface/https://evil.example"]', "load.fallback"),
    ],
)
def test_a_strangers_file_names_no_place_elsewhere(line: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "llamabot.toml").write_text(f"[load]\nretry = 3\n{line}")
    said = read_settings({}, tmp_path / "project")
    assert (said.untrusted, said.load) == ((name,), Load(retry=3))


def test_builds_the_stack_in_the_order_that_makes_sense(tmp_path: Path) -> None:
    (tmp_path / "llamabot.toml").write_text(WHOLE)
    settings = read_settings({}, tmp_path)
    expected = ["Cache", "Fallback", "Retry", "Budget", "RateLimit"]
    port = build_completion("openai/x", settings=settings)
    assert layers(port) == [*expected, "LiteLLMCompletion"]
    assert "EmbeddedCompletion" in repr(port)  # to which a name of its own is given
    assert "'openai/gpt-5-nano'" in repr(port)
    container = lmb.Container(settings=providers.Object(settings))
    assert layers(container.completion("embedded/x")) == [*expected, "EmbeddedCompletion"]


def test_keys_and_addresses_of_the_settings_do_not_go_to_another_provider() -> None:
    visible, secrets = split_secrets({"api_key": "sk-canary", "api_base": "http://here", "seed": 7})
    load = Load(fallback=("openai/b", "anthropic/c"))
    port = build_completion("openai/a", settings=Settings(options=visible, secrets=secrets, load=load))
    assert isinstance(port, lmb.Fallback)
    assert repr(port._port) == "LiteLLMCompletion({'api_base': 'http://here', 'seed': 7}, Secrets(api_key))"
    same, (other, name) = port._others
    assert (same, name) == ((None, "openai/b"), "anthropic/c")
    assert repr(other) == "LiteLLMCompletion({'seed': 7}, Secrets())"


def test_an_embedder_is_asked_again_and_no_more() -> None:
    load = Load(retry=3, rpm=5, cache="memory")
    remote = build_embedding(settings=Settings(embedding="openai/x", load=load))
    assert layers(remote) == ["Retry", "LiteLLMEmbedding"]
    assert type(build_embedding(settings=Settings(load=load))).__name__ == "OnnxEmbedding"
    assert layers(build_embedding(settings=Settings(embedding="openai/x", load=Load(rpm=5)))) == ["LiteLLMEmbedding"]


def test_an_injected_port_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_LOAD", "retry = 3")
    script = ScriptedCompletion([lmb.errors.ProviderUnavailable("down"), "Hi!"])
    with pytest.raises(lmb.errors.ProviderUnavailable):
        lmb.SimpleBot("", completion=script)("Hi")
    assert len(script.requests) == 1


def test_the_default_port_has_it_and_keeps_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    from llamabot.app.provider import AppProvider

    provider = AppProvider()
    monkeypatch.setenv("LLAMABOT_LOAD", "rpm = 3")
    port = provider.completion("openai/x")
    assert layers(port) == ["RateLimit", "LiteLLMCompletion"]
    assert provider.completion("openai/y") is port
    monkeypatch.setenv("LLAMABOT_LOAD", "")
    assert layers(provider.completion("openai/x")) == ["LiteLLMCompletion"]


def test_doctor_prints_the_stack(command: Command, project: Path) -> None:
    assert "the adapter alone" in command("doctor", "--model", "openai/x").out
    (project / "llamabot.toml").write_text(WHOLE)
    told = " ".join(command("doctor", "--model", "openai/x").out.split())
    for part in (
        "cache (",
        "> fallback (openai/gpt-5-nano, embedded/smollm2) > retry (4 attempts) > ",
        "> budget ($5 per month by user) > rate limit (500 rpm, 200000 tpm,",
        "> LiteLLM",
    ):
        assert part in told
    assert list(project.glob("*.db")) == []


def test_all_of_it_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in Load.__struct_fields__ if f"`{name}`" not in page] == []
    assert msgspec.json.decode(msgspec.json.encode(NO_LOAD), type=Load) == NO_LOAD
