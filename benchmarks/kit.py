"""What the testing kit costs: its import, the models that it draws, and a bot that is tried on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import llamabot as lmb
from benchmarks.harness import CALIBRATION, Row, Section, difference, ratio, rounds, spread
from benchmarks.imports import importing
from llamabot.testing import Behaviour, EchoToolbox, InMemoryRecorder, Turn, strategies

__all__ = ["measure"]

_ROUNDS = 9
_EXAMPLES = 200
_STEPS = 5
_BUDGET_RATIO = 1.2
_LEAST_DRAWN = 150
_BUDGET_S = 1
_TEXT = f"""
Import: CPU time of a fresh interpreter that imports `hypothesis`, or the kit's strategies with it, and ends. Drawing:
`behaviours(tools=…)` for an agent's tools, {_EXAMPLES} examples in each of {_ROUNDS} rounds, hypothesis's own work
included. The agent: behaviours of {_STEPS - 1} calls and an answer are drawn in both, and run by an `AgentBot` with a
toolbox and an in-memory recorder in one; the difference is scaled to 1,000 examples. CPU time of the process.
"""

_TOOLS = [
    lmb.ToolSpec(
        "search",
        "Search.",
        {
            "type": "object",
            "properties": {
                "query": {"type": "string", "maxLength": 20},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50},
                "where": {"type": "array", "items": {"enum": ["docs", "code"]}},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    ),
    lmb.ToolSpec("refund", "Refund.", {"type": "object", "properties": {"order": {"type": "integer"}}}),
]


def measure() -> Section:
    """Compare the kit with hypothesis alone, and a bot with drawing alone."""
    behaviours, steps = strategies.behaviours(_TOOLS), _five_steps()
    found = rounds(
        _ROUNDS,
        {
            "interpreter": importing("sys"),
            "hypothesis": importing("hypothesis"),
            "strategies": importing("llamabot.testing.strategies"),
            "behaviours": _seconds(behaviours, lambda _: None),
            "drawing": _seconds(steps, lambda _: None),
            "running": _seconds(steps, _run),
        },
    )
    drawn = [_EXAMPLES / seconds for seconds in found["behaviours"]]
    scaled = {name: [seconds * 1000 / _EXAMPLES for seconds in found[name]] for name in ("drawing", "running")}
    bare, kit = (_without(found["interpreter"], found[name]) for name in ("hypothesis", "strategies"))
    return Section(
        "The testing kit",
        _TEXT,
        [
            ratio("`import llamabot.testing.strategies`, against `import hypothesis`", bare, kit, "ms", _BUDGET_RATIO),
            Row("whole behaviours drawn", spread(drawn), "a second", _LEAST_DRAWN, at_least=True),
            difference("1,000 examples of a five-step agent", *scaled.values(), "s", _BUDGET_S),
        ],
        spread(found[CALIBRATION]),
    )


def _without(interpreter: list[float], found: list[float]) -> list[float]:
    return [mine - empty for empty, mine in zip(interpreter, found, strict=True)]


def _five_steps() -> st.SearchStrategy[Behaviour]:
    calls = strategies.calls_of(_TOOLS, min_size=1, max_size=1)
    turn = calls.map(lambda some: Turn("so", some))
    return st.tuples(*[turn] * (_STEPS - 1)).map(lambda turns: Behaviour(turns))


def _run(behaviour: Behaviour) -> None:
    bot = lmb.AgentBot(
        "Act.", tools=[EchoToolbox(_TOOLS)], completion=behaviour.completion(), recorder=InMemoryRecorder()
    )
    bot.run("go")


def _seconds(strategy: st.SearchStrategy[Any], work: Callable[[Any], object]) -> Callable[[], float]:
    """Return what measures the CPU seconds of drawing examples and working with each."""

    @settings(
        max_examples=_EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(example: Any) -> None:
        work(example)

    def measured() -> float:
        begin = time.process_time()
        check()
        return time.process_time() - begin

    return measured
