from __future__ import annotations

import json
import stat
import sys
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.ports.errors import RecorderError, UsageError
from llamabot.ports.exports import read_export, write_export
from llamabot.ports.recorder import (
    LOG_SCHEMA_VERSION,
    Blob,
    EffectFinished,
    EffectStarted,
    ErrorRecord,
    RunEvent,
    RunFinished,
    RunKind,
    RunStarted,
    RunStatus,
    decode_event,
    encode_event,
)
from llamabot.ports.redaction import redacted_text
from llamabot.testing.contracts.recorder_events import RUN_IDS, contents, events
from llamabot.testing.runs import NOW_NS, a_run

_PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza\nC1rZXk=\n-----END OPENSSH PRIVATE KEY-----"
SECRETS = {
    "openai": "sk-proj-abcDEF0123456789abcDEF",
    "letters alone": "sk-abcdefghijklmnopqrstuvwx",
    "stripe": "sk_live_abcdefghijkl0123",
    "github": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github, fine": "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "slack": "xoxb-123456789012-abcdefghij",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.abc-DEF_123",
    "google": "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
    "private key": _PRIVATE,
}
INNOCENT = [
    "task-management-system-overview-2024-final",
    "the bearer of news",
    "see https://example.org:8080/path?q=a@b and mail ana@example.org",
    "a skeleton key for a Bearer",
    '{"keys": ["a", "b"], "token": "the", "tokens": 12, "max_tokens": 5}',
    "[secret]",
    "b179c9523d0e6a0f98a330c7562b6827",
]


@given(data=st.data(), run_ids=st.lists(st.sampled_from(RUN_IDS), min_size=1, max_size=3, unique=True))
def test_what_was_exported_comes_back(data: st.DataObject, run_ids: list[str]) -> None:
    runs = {
        run_id: [
            decode_event(encode_event(data.draw(events(run_id, NOW_NS + number))))
            for number in range(data.draw(st.integers(0, 3)))
        ]
        for run_id in run_ids
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        write_export(path, runs)
        export = read_export(path)
    assert export.run_id == run_ids[0]
    assert {run_id: list(export.events(run_id)) for run_id in export.run_ids} == runs


@given(content=contents)
def test_json_stays_json_and_is_redacted_once(content: object) -> None:
    text = json.dumps({"password": "hunter2", "inner": json.dumps({"api_key": 'a"\\\n', "content": content})})
    shown = redacted_text(text)
    assert redacted_text(shown) == shown
    assert json.loads(shown)["password"] == "[secret]"
    assert json.loads(json.loads(shown)["inner"])["api_key"] == "[secret]"


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("around", ["{}", "key: {}, keep", '{{"text": "{}"}}', "({})", "https://{}@host/path"])
def test_hides_what_looks_like_a_credential(secret: str, around: str) -> None:
    shown = redacted_text(around.format(secret))
    assert shown == around.format("[secret]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123~x=", "Authorization: Bearer [secret]"),
        ("curl -H 'authorization: Basic dXNlcjpwYXNz'", "curl -H 'authorization: Basic [secret]'"),
        ("postgresql://ana:p%40ss@db:5432/x", "postgresql://[secret]@db:5432/x"),
        ("redis://:pw@host", "redis://[secret]@host"),
    ],
)
def test_hides_headers_and_passwords_in_addresses(text: str, shown: str) -> None:
    assert redacted_text(text) == shown


@pytest.mark.parametrize("text", INNOCENT)
def test_leaves_everything_else(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_credential_is_in_the_file_wherever_it_was(tmp_path: Path, secret: str) -> None:
    write_export(tmp_path / "run.json", {"run": _run_with(secret)})
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text
    assert json.dumps(json.dumps(secret)[1:-1])[1:-1] not in text
    assert "hunter2" not in text


def test_a_redacted_blob_has_the_digest_of_what_is_left_and_is_found_by_it(tmp_path: Path) -> None:
    write_export(tmp_path / "run.json", {"run": _run_with(SECRETS["openai"])})
    blob, plain, _, effect, *_ = read_export(tmp_path / "run.json").events("run")
    assert isinstance(blob, Blob)
    assert isinstance(plain, Blob)
    assert isinstance(effect, EffectStarted)
    assert blob.digest == _digest(blob.data)
    assert json.loads(blob.data) == {"content": "use [secret]", "password": "[secret]"}
    assert effect.input["stored"] == [blob.digest, plain.digest]
    assert plain.data == '{"b":1,  "a":2}'


def test_the_file_is_its_owners_alone_and_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_export(path, {"run": a_run("run")})
    first = path.read_bytes()
    write_export(path, {"run": a_run("run")})
    assert path.read_bytes() == first
    assert json.loads(first)["schema"] == LOG_SCHEMA_VERSION
    assert list(json.loads(first)) == sorted(json.loads(first))
    assert first.count(b"\n") > 20
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]
    assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "missing" / "run.json", tmp_path / "taken"):
        with pytest.raises(RecorderError, match="cannot export to"):
            write_export(path, {"run": a_run("run")})
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("not JSON", "not an export"),
        ("[]", "not an export"),
        ("{}", "not an export"),
        ('{"schema": 1, "run_id": 7, "runs": {}}', "not an export"),
        ("[" * 100_000, "not an export"),
        ('{"schema": 1, "run_id": "run", "runs": {}}', "damaged"),
        ('{"schema": 1, "run_id": "run", "runs": {"run": [{"type": "unheard"}]}}', "damaged"),
        ('{"schema": 99, "run_id": "run", "runs": {"run": [{"type": "unheard"}]}}', "newer LlamaBot.*upgrade"),
    ],
)
def test_says_why_a_file_is_no_export(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_export(path)


def test_says_which_run_a_file_is_of(tmp_path: Path) -> None:
    write_export(tmp_path / "run.json", {"run": a_run("run")})
    with pytest.raises(UsageError, match=r"run\.json.* has no run 'other'; it is an export of 'run'"):
        read_export(tmp_path / "run.json").events("other")


def _run_with(secret: str) -> list[RunEvent]:
    """A run in which a secret is everywhere."""
    data, plain = json.dumps({"content": f"use {secret}", "password": "hunter2"}), '{"b":1,  "a":2}'
    error = ErrorRecord("RuntimeError", f"with {secret}", {"header": secret})
    return [
        Blob("run", _digest(data), data),
        Blob("run", _digest(plain), plain),
        RunStarted("run", NOW_NS, 1, RunKind.BOT, "Bot", tags={"by": secret}, input={"messages": [secret]}),
        EffectStarted("run", NOW_NS, "1", "call", input={"stored": [_digest(data), _digest(plain)], secret: 1}),
        EffectFinished("run", NOW_NS, "1", "call", outcome={"arguments": json.dumps({"api_key": "hunter2"})}),
        EffectFinished("run", NOW_NS, "2", "call", error=error, partial=[[secret]]),
        RunFinished("run", NOW_NS, RunStatus.FAILED, error),
    ]


def _digest(data: str) -> str:
    return blake2b(data.encode(), digest_size=16).hexdigest()
