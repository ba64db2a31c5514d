"""Settings: the environment beats the file, the file is found in the project, a stranger's file redirects nothing."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

import msgspec
import pytest

from llamabot.app.settings import Settings, current_settings, find_project, find_settings_file, read_settings
from llamabot.app.trust import trust, trust_file
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import NO_SECRETS

CANARY = "sk-canary-4711"


def _toml(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "llamabot.toml"
    file.write_text(text)
    return file


def test_says_nothing_where_nothing_is_set(tmp_path: Path) -> None:
    said = read_settings({}, tmp_path)
    assert msgspec.structs.replace(said, secrets=NO_SECRETS) == Settings()
    assert not said.secrets


def test_lets_the_environment_beat_the_file(tmp_path: Path) -> None:
    _toml(tmp_path, 'model = "openai/file"\nembedding = "embedded/file"\nrecord = "file.db"')
    said = read_settings(
        {"LLAMABOT_MODEL": "openai/env", "LLAMABOT_EMBEDDING": "openai/vec", "LLAMABOT_RECORD": "metadata"}, tmp_path
    )
    assert (said.model, said.embedding, said.record) == ("openai/env", "openai/vec", "metadata")
    said = read_settings({"LLAMABOT_MODEL": "", "LLAMABOT_EMBEDDING": "", "LLAMABOT_RECORD": ""}, tmp_path)
    assert (said.model, said.embedding, said.record) == ("openai/file", "embedded/file", str(tmp_path / "file.db"))


@pytest.mark.parametrize("word", ["off", "OFF", " Off ", "0", "false", "No", "none"])
def test_takes_every_word_for_off_as_off(tmp_path: Path, word: str) -> None:
    assert read_settings({"LLAMABOT_RECORD": word}, tmp_path).record == "off"
    _toml(tmp_path, f'record = "{word}"')
    assert read_settings({}, tmp_path).record == "off"


@pytest.mark.parametrize("word", ["1", "true", "Yes", " on "])
def test_makes_no_log_of_a_word_that_names_no_file(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigurationError, match="name the path of a file"):
        read_settings({"LLAMABOT_RECORD": word}, tmp_path)
    (tmp_path / "llamabot.toml").write_text(f'record = "{word}"')
    with pytest.raises(ConfigurationError, match="name the path of a file"):
        read_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("record", "meant"),
    [
        ("off", "off"),
        ("metadata", "metadata"),
        ("runs.db", "{folder}/runs.db"),
        ("{folder}/x/runs.db", "{folder}/x/runs.db"),
        ("~/runs.db", "{home}/runs.db"),
        ("~nobody-of-that-name/runs.db", "{folder}/~nobody-of-that-name/runs.db"),
    ],
)
def test_means_the_same_place_wherever_it_is_read(tmp_path: Path, record: str, meant: str) -> None:
    places = {"folder": str(tmp_path), "home": os.environ["HOME"]}
    assert read_settings({"LLAMABOT_RECORD": record.format(**places)}, tmp_path).record == meant.format(**places)


def test_finds_the_file_upwards_and_not_beyond_the_project(tmp_path: Path) -> None:
    outer = _toml(tmp_path, 'model = "outer"')
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert (find_project(deep), find_settings_file(deep)) == (tmp_path, outer)
    (tmp_path / "a" / "pyproject.toml").touch()
    assert (find_project(deep), find_settings_file(deep)) == (tmp_path / "a", None)
    inner = _toml(tmp_path / "a", 'model = "inner"')
    assert find_settings_file(deep) == inner
    (deep / ".git").mkdir()
    assert read_settings({}, deep).model is None


def test_resolves_a_path_of_the_file_against_the_file(tmp_path: Path) -> None:
    _toml(tmp_path, 'record = "log/runs.db"')
    (tmp_path / "deep").mkdir()
    assert read_settings({}, tmp_path / "deep").record == str(tmp_path / "log" / "runs.db")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = ", "cannot be read"),
        ('modle = "x"', "has a setting 'modle' that does not exist; there are model, embedding, record, options"),
        ("model = 3", "'model' must be a string"),
        ("embedding = 3", "'embedding' must be a string"),
        ('options = "x"', "'options' must be a table"),
        ('record = "a\\u0000b"', "'record' has a NUL character"),
        (b"model = '\xff'", "cannot be read"),
    ],
)
def test_names_what_is_wrong_with_the_file(tmp_path: Path, text: str | bytes, said: str) -> None:
    file = tmp_path / "llamabot.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_settings({}, tmp_path)
    assert str(file) in str(caught.value)


def test_says_so_when_the_file_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "llamabot.toml").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('options.api_base = "http://evil.example"', "options.api_base"),
        ('options.proxies = {http = "http://evil.example"}', "options.proxies"),
        ('options.extra_headers = {a = "b"}', "options.extra_headers"),
        ("options.some_new_option = 1", "options.some_new_option"),
        ('model = "huggingface/https://evil.example"', "model"),
        ('model = "bedrock/arn:aws:bedrock:evil.example:1:x"', "model"),
        ('embedding = "huggingface/https://evil.example"', "embedding"),
        ('record = "../runs.db"', "record"),
        ('record = "/tmp/runs.db"', "record"),
        ('record = "~/runs.db"', "record"),
        ('record = "link/runs.db"', "record"),
    ],
)
def test_leaves_out_what_could_send_things_elsewhere(tmp_path: Path, line: str, name: str) -> None:
    project = tmp_path / "project"
    file = _toml(project, f"options.top_p = 0.5\n{line}")
    (project / "link").symlink_to(tmp_path)
    said = read_settings({}, project)
    assert said.untrusted == (name,)
    assert (said.model, said.record, said.options) == (None, None, {"top_p": 0.5})
    trust(file, file.read_bytes())
    assert read_settings({}, project).untrusted == ()


@pytest.mark.parametrize("model", ["openai/gpt-5-mini", "ollama_chat/qwen3:8b", "embedded/smollm2", "azure/my.dep@1"])
def test_takes_a_plain_model_and_harmless_options_from_anyone(tmp_path: Path, model: str) -> None:
    _toml(tmp_path, f'model = "{model}"\nrecord = "log/runs.db"\n[options]\nseed = 7\nstop = ["x"]')
    said = read_settings({}, tmp_path)
    assert (said.model, dict(said.options), said.untrusted) == (model, {"seed": 7, "stop": ["x"]}, ())


def test_trusts_a_file_only_as_it_was_read(tmp_path: Path) -> None:
    file = _toml(tmp_path, 'options.api_base = "http://good.example"')
    seen = file.read_bytes()
    file.write_text('options.api_base = "http://evil.example"')  # changed under the reader's eyes
    trust(file, seen)
    assert read_settings({}, tmp_path).options == {}
    file.write_bytes(seen)
    assert read_settings({}, tmp_path).options == {"api_base": "http://good.example"}
    file.write_bytes(seen + b"\n")
    assert read_settings({}, tmp_path).options == {}


def test_trusts_a_file_and_not_its_copy(tmp_path: Path) -> None:
    file = _toml(tmp_path / "mine", 'options.api_base = "http://good.example"')
    _toml(tmp_path / "theirs", file.read_text())
    trust(file, file.read_bytes())
    assert read_settings({}, tmp_path / "mine").untrusted == ()
    assert read_settings({}, tmp_path / "theirs").untrusted == ("options.api_base",)


def test_trusts_nothing_by_a_broken_list(tmp_path: Path) -> None:
    file = _toml(tmp_path, 'options.api_base = "http://good.example"')
    trust(file, file.read_bytes())
    trust_file().write_text("{broken")
    assert read_settings({}, tmp_path).untrusted == ("options.api_base",)
    trust(file, file.read_bytes())
    assert read_settings({}, tmp_path).untrusted == ()


def test_says_so_when_trust_cannot_be_kept(tmp_path: Path) -> None:
    file = _toml(tmp_path, 'options.api_base = "http://good.example"')
    trust_file().parent.parent.mkdir(parents=True)
    trust_file().parent.touch()  # a file where the folder would be
    with pytest.raises(ConfigurationError, match="cannot be trusted"):
        trust(file, file.read_bytes())


def test_keeps_keys_out_of_everything_that_is_shown(tmp_path: Path) -> None:
    file = _toml(
        tmp_path,
        f'[options]\napi_key = "{CANARY}"\napi_base = "https://u:{CANARY}@x.example/?k={CANARY}"\n'
        f'extra_headers = {{Authorization = "Bearer {CANARY}"}}',
    )
    with pytest.warns(UserWarning, match="does not count until") as warned:
        untrusted = _settings_in(tmp_path)
    trust(file, file.read_bytes())
    said = read_settings({}, tmp_path)
    for shown in (repr(untrusted), repr(said), str(said.options), *(str(warning.message) for warning in warned)):
        assert CANARY not in shown
    assert said.secrets.merged_into(said.options)["api_key"] == CANARY
    assert said.options["api_base"] == "https://x.example/"


@pytest.mark.parametrize("text", [f'api_key = "{CANARY}"', f'model = 3\noptions.api_key = "{CANARY}', f"x = {CANARY}"])
def test_keeps_keys_out_of_errors(tmp_path: Path, text: str) -> None:
    _toml(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        read_settings({}, tmp_path)
    assert CANARY not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_warns_of_an_untrusted_file_once(tmp_path: Path) -> None:
    _toml(tmp_path, 'options.api_base = "http://evil.example"')
    with pytest.warns(UserWarning, match=r"options\.api_base"):
        _settings_in(tmp_path)
    current_settings()  # a second warning would be an error


def test_follows_the_folder_and_the_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _toml(tmp_path / "a", 'model = "openai/a"')
    _toml(tmp_path / "b", 'model = "openai/b"')
    assert _settings_in(tmp_path / "a").model == "openai/a"
    assert _settings_in(tmp_path / "b").model == "openai/b"
    monkeypatch.setenv("LLAMABOT_MODEL", "openai/env")
    assert current_settings().model == "openai/env"
    monkeypatch.delenv("LLAMABOT_MODEL")
    assert current_settings().model == "openai/b"


def test_reads_the_file_once_for_a_folder(tmp_path: Path) -> None:
    _toml(tmp_path, 'model = "openai/a"')
    assert _settings_in(tmp_path) is current_settings()


def test_goes_on_where_the_folder_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert current_settings().model is None


def test_gives_threads_the_same_settings(tmp_path: Path) -> None:
    _toml(tmp_path, 'model = "openai/a"')
    os.chdir(tmp_path)
    models: list[str | None] = []
    with warnings.catch_warnings():
        threads = [threading.Thread(target=lambda: models.append(current_settings().model)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert models == ["openai/a"] * 16


def _settings_in(folder: Path) -> Settings:
    os.chdir(folder)
    return current_settings()
