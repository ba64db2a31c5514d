"""The embedding model on this machine: what its vectors mean, what it reads, and the process that it lives in."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy
import pytest

import llamabot as lmb
from llamabot.adapters.models import ONNX, TOKENIZER, model_path
from llamabot.ports.errors import ConfigurationError

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@cache
def minilm() -> lmb.OnnxEmbedding:
    return lmb.OnnxEmbedding(model_path("minilm", ending=ONNX))


@pytest.mark.embedded
def test_finds_what_a_question_means_where_no_word_is_shared() -> None:
    question, answer, other = minilm().embed(
        [
            "How do I get rid of a file?",
            "os.remove() deletes what lies at a path.",
            "Strings are joined with str.join().",
        ]
    )
    assert question @ answer > question @ other + 0.1


@pytest.mark.embedded
def test_gives_the_vectors_of_the_model_that_it_is_made_from() -> None:
    # What sentence-transformers gives with the model before its weights became bytes.
    (vector,) = minilm().embed(["This is an example sentence"])
    assert vector[:6] == pytest.approx([0.0677, 0.0635, 0.0487, 0.0793, 0.0374, 0.0027], abs=0.005)


@pytest.mark.embedded
def test_a_vector_does_not_depend_on_what_it_is_embedded_with() -> None:
    texts = ["short", "a longer one " * 30, "", "word " * 400]
    alone = numpy.concatenate([minilm().embed([text]) for text in texts])
    assert numpy.allclose(minilm().embed(texts * 4)[:4], alone, atol=1e-6, rtol=0)


@pytest.mark.embedded
def test_uses_as_many_threads_as_it_is_told_for_the_same_vectors() -> None:
    texts = [f"sentence number {number} " * (number % 7) for number in range(40)]
    path = model_path("minilm", ending=ONNX)
    one, three = (lmb.OnnxEmbedding(path, threads=threads).embed(texts) for threads in (1, 3))
    assert numpy.array_equal(one, three)


@pytest.mark.embedded
def test_hundreds_of_texts_keep_their_places() -> None:
    texts = [str(number) for number in range(520)]
    vectors = minilm().embed(texts)
    assert numpy.allclose(vectors[[0, 511, 512, 519]], minilm().embed(["0", "511", "512", "519"]), atol=1e-6, rtol=0)


@pytest.mark.embedded
def test_reads_a_text_to_its_limit() -> None:
    path = model_path("minilm", ending=ONNX)
    long, longer = "word " * 300 + "one end", "word " * 300 + "another end"
    assert numpy.array_equal(*minilm().embed([long, longer]))
    whole = lmb.OnnxEmbedding(path, max_tokens=512)
    assert not numpy.array_equal(*whole.embed([long, longer]))
    assert whole.name != minilm().name


@pytest.mark.embedded
@pytest.mark.parametrize("text", [" " * 9000 + "the end", "x" * 9000 + " the end", "word " + "\n" * 9000 + "the end"])
def test_reads_on_until_it_has_what_it_can_read(text: str) -> None:
    ended, unended = minilm().embed([text, text.removesuffix("the end")])
    assert not numpy.array_equal(ended, unended)
    assert numpy.array_equal(*minilm().embed([text, text.replace("  ", "").replace("\n\n", "")]))


@pytest.mark.embedded
def test_a_model_with_other_content_has_another_name(tmp_path: Path) -> None:
    path = model_path("minilm", ending=ONNX)
    (tmp_path / "minilm.onnx").write_bytes(path.read_bytes())
    assert lmb.OnnxEmbedding(tmp_path / "minilm.onnx").name == minilm().name
    (tmp_path / "minilm.onnx").write_bytes(path.read_bytes() + b"\0")
    assert lmb.OnnxEmbedding(tmp_path / "minilm.onnx").name != minilm().name


@pytest.mark.embedded
@pytest.mark.parametrize("damage", ["no file", "no model", "no tokenizer", "other dimensions"])
def test_says_what_is_wrong_with_a_model(tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = model_path("minilm", ending=ONNX)
    mine = tmp_path / "mine.onnx"
    if damage != "no file":
        mine.write_bytes(b"\x08 no model" if damage == "no model" else path.read_bytes())
    if damage != "no tokenizer":
        (tmp_path / "tokenizer.json").write_bytes(path.with_suffix(TOKENIZER).read_bytes())
    embedding = lmb.OnnxEmbedding(mine, dimensions=12 if damage == "other dimensions" else 384)
    with pytest.raises(
        ConfigurationError, match="gives 384 dim" if damage == "other dimensions" else "cannot be loaded"
    ):
        embedding.embed(["a"])
    assert capfd.readouterr() == ("", "")


def test_a_model_that_is_not_here_names_its_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", str(tmp_path))
    embedding = lmb.Container().embedding()
    for ask in (lambda: embedding.name, lambda: embedding.embed(["a"])):
        with pytest.raises(ConfigurationError, match="install it with: llamabot local install minilm"):
            ask()
    assert list(tmp_path.iterdir()) == []


PROLOGUE = """
import os, sys, threading, time
import llamabot as lmb
embedding = lmb.OnnxEmbedding(sys.argv[1])
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program with an embedder in a process of its own."""
    command = [sys.executable, "-c", PROLOGUE + program, str(model_path("minilm", ending=ONNX))]
    return subprocess.run(command, capture_output=True, timeout=60, env={**os.environ, **environment})


@linux_only
@pytest.mark.embedded
def test_asks_nobody_on_the_network_and_writes_nothing(tmp_path: Path) -> None:
    done = run(
        """
def refuse(event, args):
    if event.startswith("socket."):
        raise SystemExit(event)
sys.addaudithook(refuse)
embedding.embed(["one", "two"])
links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
print([link for link in map(os.readlink, filter(os.path.lexists, links)) if "socket:" in link or ".db" in link])
""",
        HOME=str(tmp_path),
        XDG_CACHE_HOME="",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[]\n", b"")
    assert list(tmp_path.iterdir()) == []


@linux_only
@pytest.mark.embedded
def test_a_forked_child_embeds_while_a_thread_of_its_parent_does_and_both_end_well() -> None:
    done = run(
        """
texts = ["hello there " * 3] * 4
first = embedding.embed(texts)
stop = threading.Event()
def work():
    while not stop.is_set():
        embedding.embed(texts)
thread = threading.Thread(target=work)
thread.start()
codes = []
for _ in range(2):
    time.sleep(0.02)
    pid = os.fork()
    if pid == 0:
        sys.exit(7 if (embedding.embed(texts) == first).all() else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
thread.join()
print(codes, embedding.embed(texts).shape)
""",
        PYTHONWARNINGS="ignore",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[7, 7] (4, 384)\n", b"")


@linux_only
@pytest.mark.embedded
def test_a_forked_child_loads_a_model_of_its_own_though_its_parent_was_loading_one() -> None:
    done = run("""
from llamabot.adapters.onnx import model
embedding.embed(["a"])
loaded = embedding._model
with model._lock:
    pid = os.fork()
    if pid == 0:
        embedding.embed(["a"])
        os._exit(7 if embedding._model is not loaded else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"7\n", b"")


@linux_only
@pytest.mark.embedded
def test_its_memory_does_not_grow_with_the_number_or_the_length_of_texts() -> None:
    done = run("""
def peak_kib():  # not by getrusage, where a process begins with its parent's
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0])
embedding.embed(["word " * 300] * 3)
before = peak_kib()
embedding.embed(["word " * 300] * 9 + ["a"] * 100 + ["word " * 400_000])
print((peak_kib() - before) // 1024)
""")
    assert done.stderr == b""
    assert int(done.stdout) < 100
