"""What embedding on this machine costs: texts a second, threads, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import CALIBRATION, Row, Section, Spread, ratio, rounds, spread
from llamabot import OnnxEmbedding
from llamabot.adapters.models import TOKENIZER, install

__all__ = ["measure"]

_ROUNDS = 7
_PASSAGES = 24
_QUERIES = 96
_DOCS = Path(__file__).resolve().parent.parent / "docs"

_MEMORY = """
import re, sys
from llamabot import OnnxEmbedding
from pathlib import Path
words = Path(sys.argv[2]).read_text(encoding="utf-8").split()
embedding = OnnxEmbedding(sys.argv[1], threads=2)
embedding.embed(["word"])
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
embedding.embed([" ".join(words[start : start + 400]) for start in range(0, 100 * int(sys.argv[3]), 100)])
print(before, peak())
"""


def measure() -> Section:
    """Compare with the runtime alone, then one thread with two."""
    path = install("minilm").path
    passages, queries = _texts(_PASSAGES, 60), _texts(_QUERIES, 4)
    bare, one, two = _bare(path), OnnxEmbedding(path, threads=1), OnnxEmbedding(path, threads=2)
    found = rounds(
        _ROUNDS,
        {
            "bare passages": _cpu(bare, passages),
            "passages": _cpu(one.embed, passages),
            "passages, two": _cpu(two.embed, passages),
            "bare queries": _cpu(bare, queries),
            "queries": _cpu(one.embed, queries),
            "one thread": _wall(one.embed, passages),
            "two threads": _wall(two.embed, passages),
            "a query": _wall(lambda texts: [one.embed([text]) for text in texts], queries[:24]),
        },
    )
    memory = [_memory(path, count) for count in (10, 40)]
    return Section(
        "Embedding",
        f"""
MiniLM on this machine: {_PASSAGES} passages of 60 words and {_QUERIES} queries of 4, out of this project's documents.
The bare side is onnxruntime with one thread, text by text, with the same tokenizer, the same mean and unit lengths. CPU
time but for the rows that say otherwise. Memory is that of a process that embeds 10 and 40 texts of 400 words (Linux).
""",
        [
            ratio("passages", found["bare passages"], found["passages"], "ms", 1.03),
            ratio("queries, in batches", found["bare queries"], found["queries"], "ms", 1.0),
            ratio("passages on two threads", found["bare passages"], found["passages, two"], "ms", 1.1),
            _texts_a_second("passages on one thread, by the clock", found["one thread"], _PASSAGES),
            _texts_a_second("passages on two threads, by the clock", found["two threads"], _PASSAGES),
            Row("one query, by the clock", spread([took / 24 for took in found["a query"]]), "ms"),
            _exactly("the process when the model is loaded, at its peak", memory[0][0], "MiB"),
            _exactly("the peak above it, 10 texts", memory[0][1], "MiB", 100),
            _exactly("the peak above it, 40 texts", memory[1][1], "MiB", 100),
        ],
        spread(found[CALIBRATION]),
    )


def _bare(path: Path) -> Callable[[Sequence[str]], list[Any]]:
    import numpy
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(path.with_suffix(TOKENIZER)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def embed(texts: Sequence[str]) -> list[Any]:
        vectors = []
        for text in texts:
            ids = numpy.array([tokenizer.encode(text).ids], numpy.int64)
            given = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0}
            mean = session.run(None, given)[0][0].mean(axis=0)
            vectors.append(mean / numpy.linalg.norm(mean))
        return vectors

    return embed


def _texts(count: int, words: int) -> list[str]:
    found = " ".join(path.read_text(encoding="utf-8") for path in sorted(_DOCS.glob("*.md"))).split()
    return [" ".join(found[start : start + words]) for start in range(0, count * 40, 40)]


def _cpu(embed: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> Callable[[], float]:
    return _timed(embed, texts, time.process_time)


def _wall(embed: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> Callable[[], float]:
    return _timed(embed, texts, time.perf_counter)


def _timed(
    embed: Callable[[Sequence[str]], Any], texts: Sequence[str], clock: Callable[[], float]
) -> Callable[[], float]:
    def take() -> float:
        begin = clock()
        embed(texts)
        return (clock() - begin) * 1000

    return take


def _texts_a_second(what: str, took_ms: Sequence[float], count: int) -> Row:
    return Row(what, spread([count / took * 1000 for took in took_ms]), "texts/s")


def _memory(path: Path, count: int) -> tuple[float, float]:
    """Return the MiB of a process with the model, and how far it rises above them, in a process of its own."""
    command = [sys.executable, "-c", _MEMORY, str(path), str(_DOCS / "agents.md"), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    before, after = map(int, done.stdout.split())
    return before / 1024, (after - before) / 1024


def _exactly(what: str, value: float, unit: str, budget: float | None = None) -> Row:
    return Row(what, Spread(value, value, value), unit, budget)
