"""What a bot adds to a call through LiteLLM."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llamabot as lmb
from benchmarks.canned import CHUNKS, provider
from benchmarks.harness import CALIBRATION, Row, Section, per_call_us, ratio, rounds, spread
from llamabot.adapters.litellm.loading import load

__all__ = ["measure"]

_ROUNDS = 48
_CALLS = 6
_STREAMS = 2
_BUDGET = 1.03
_MODEL, _PROMPT, _QUESTION = "openai/canned", "You are Feynman.", "Explain QED."
_TEXT = f"""
A bot that records to SQLite, against `litellm.completion` with the same switches, both on a server of fixed answers in
another process; {_ROUNDS} rounds of {_CALLS} calls and {_STREAMS} streams of {CHUNKS} chunks each. CPU time of the
whole process, the recorder's thread included. LiteLLM's switches are the ones that the adapter sets, and
`max_retries=0`, `num_retries=0`, `timeout=600`.
"""


def measure() -> Section:
    """Compare whole calls and streams."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lmb.SqliteRecorder(Path(folder) / "runs.db") as recorder,
        provider() as address,
    ):
        found = rounds(_ROUNDS, _sides(recorder, address))
    return Section("A call through LiteLLM", _TEXT, _rows(found), spread(found[CALIBRATION]))


def _sides(recorder: Any, address: str) -> dict[str, Callable[[], float]]:
    litellm = load()
    bot = lmb.SimpleBot(_PROMPT, model=_MODEL, options={"api_base": address, "api_key": "none"}, recorder=recorder)

    def bare(**more: Any) -> Any:
        messages = [{"role": "system", "content": _PROMPT}, {"role": "user", "content": _QUESTION}]
        switches = {"timeout": 600.0, "max_retries": 0, "num_retries": 0, "api_base": address, "api_key": "none"}
        return litellm.completion(model=_MODEL, messages=messages, **switches, **more)

    def bare_stream() -> None:
        _drain(bare(stream=True, stream_options={"include_usage": True}))

    return {
        "call bare": lambda: per_call_us(bare, _CALLS) / 1000,
        "call ours": lambda: per_call_us(lambda: bot(_QUESTION), _CALLS) / 1000,
        "chunk bare": lambda: per_call_us(bare_stream, _STREAMS) / CHUNKS / 1000,
        "chunk ours": lambda: per_call_us(lambda: _drain(bot.stream(_QUESTION)), _STREAMS) / CHUNKS / 1000,
    }


def _rows(found: dict[str, list[float]]) -> list[Row]:
    return [
        ratio("a whole call", found["call bare"], found["call ours"], "ms", _BUDGET),
        ratio("a streamed chunk", found["chunk bare"], found["chunk ours"], "ms", _BUDGET),
    ]


def _drain(pieces: Any) -> None:
    for _ in pieces:
        pass
