"""How the embedded model's file is found and loaded, and given back."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest
from tests.embedded_model import installed_model

from llamabot.adapters.llamacpp import EmbeddedCompletion
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import UserMessage

pytestmark = pytest.mark.embedded


def ask(text: str, max_tokens: int = 40) -> CompletionRequest:
    return CompletionRequest("embedded/smollm2", (UserMessage(text),), temperature=0.0, max_tokens=max_tokens)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loads_a_model_once_and_frees_it_when_the_last_user_leaves() -> None:
    finds: list[str] = []

    def find(name: str) -> Path:
        finds.append(name)
        return installed_model()

    first, second = (EmbeddedCompletion(find, context_tokens=512) for _ in range(2))
    with EmbeddedCompletion(installed_model(), context_tokens=512) as earlier:
        earlier.complete(ask("Hi", max_tokens=1))  # what llama.cpp keeps of its first model, it keeps for good
    before = _memory_mb()
    first.complete(ask("Hi", max_tokens=1))
    loaded = _memory_mb()
    second.complete(ask("Hi", max_tokens=1))
    assert loaded - before > 50
    assert _memory_mb() - loaded < 30
    first.close()
    assert _memory_mb() - before > 50
    second.close()
    second.close()
    assert _memory_mb() - before < 50
    assert second.complete(ask("Hi", max_tokens=1)).usage
    second.close()
    assert finds == ["smollm2"] * 3


def test_says_of_a_file_what_is_wrong_with_it(tmp_path: Path) -> None:
    letters, cut = tmp_path / "letters.gguf", tmp_path / "cut.gguf"
    letters.write_text("Dear GGUF,", encoding="utf-8")
    with installed_model().open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))
    told = {tmp_path / "none.gguf": "local install", tmp_path: "local install", letters: "begins with", cut: "damaged"}
    for path, text in told.items():
        for give in (lambda port: port.complete(ask("Hi")), lambda port: asyncio.run(port.acomplete(ask("Hi")))):
            with pytest.raises(ConfigurationError, match=text):
                give(EmbeddedCompletion(path))


def test_a_model_that_came_late_is_found(tmp_path: Path) -> None:
    path = tmp_path / "late.gguf"
    port = EmbeddedCompletion(path, context_tokens=512)
    with pytest.raises(ConfigurationError):
        port.complete(ask("Hi", max_tokens=1))
    path.symlink_to(installed_model())
    answer = port.complete(msgspec.structs.replace(ask("Hi", max_tokens=1), model=""))
    assert answer.model == "late"
    port.close()


def _memory_mb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024
