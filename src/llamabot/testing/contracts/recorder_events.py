"""Events for the contract of recorders, made by hypothesis."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports.completion import Usage
from llamabot.ports.recorder import (
    LOG_SCHEMA_VERSION,
    Blob,
    EffectFinished,
    EffectStarted,
    ErrorRecord,
    RunEvent,
    RunFinished,
    RunKind,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStatus,
)
from llamabot.testing.runs import NOW_NS
from llamabot.testing.strategies.drawing import drawn

__all__ = ["RUN_IDS", "TAG_KEYS", "TAG_VALUES", "contents", "events", "histories", "tags"]

# Few, so that runs meet each other; odd, so that none is taken for SQL, JSON or a pattern.
RUN_IDS = ("run-1", "run-2", "run-10", "'; DROP TABLE runs; --", '{"$":"%_[x]"}', "NULL")
DIGESTS = ("00", "01", "ff")
TAG_KEYS = ("user", 'a."b\\', "é\n", "nul\0key")
TAG_VALUES = ("7", "", "'", "nul\0a", "nul\0b", "\N{LLAMA}")

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
tags = st.dictionaries(st.sampled_from(TAG_KEYS), st.sampled_from(TAG_VALUES), max_size=2)
_usages = st.none() | st.builds(Usage, *[st.integers(0, 10**6)] * 4)
_costs = st.none() | st.floats(0, 10)
_errors = st.builds(ErrorRecord, _texts, _texts, st.dictionaries(_texts, contents, max_size=2))
_effects = st.sampled_from(["complete", "recall", "remember"])


# Made once: a strategy that is made for each event takes longer to make than the event to draw.
_kinds: dict[str, SearchStrategy[RunEvent]] = {
    "started": st.builds(
        RunStarted,
        st.just(""),
        st.just(0),
        st.just(LOG_SCHEMA_VERSION),
        st.sampled_from(RunKind),
        _texts,
        st.none() | _texts,
        st.none() | st.sampled_from(RUN_IDS),
        tags,
        contents,
    ),
    "effect": st.builds(EffectStarted, st.just(""), st.just(0), _texts, _effects, input=contents),
    "outcome": st.builds(
        EffectFinished,
        st.just(""),
        st.just(0),
        _texts,
        _effects,
        attempt=st.integers(1, 3),
        outcome=contents,
        error=st.none() | _errors,
        partial=contents,
        usage=_usages,
        cost_usd=_costs,
        first_ns=st.none() | st.integers(0, 10**12),
    ),
    "paused": st.builds(RunPaused, st.just(""), st.just(0), _errors),
    "resumed": st.builds(RunResumed, st.just(""), st.just(0), st.just(LOG_SCHEMA_VERSION), st.booleans()),
    "finished": st.builds(RunFinished, st.just(""), st.just(0), st.sampled_from(RunStatus), st.none() | _errors),
    "blob": st.sampled_from(DIGESTS).map(lambda digest: Blob("", digest, f'{{"data of":"{digest}"}}')),
}
_events: SearchStrategy[RunEvent] = st.sampled_from(sorted(_kinds)).flatmap(_kinds.__getitem__)


def events(run_id: str, at_ns: int) -> SearchStrategy[RunEvent]:
    """Any event of one run at one time."""
    return _events.map(partial(_of, run_id, at_ns))


def _of(run_id: str, at_ns: int, event: Any) -> RunEvent:
    changes = {"run_id": run_id} if isinstance(event, Blob) else {"run_id": run_id, "at_ns": at_ns}
    placed: RunEvent = msgspec.structs.replace(event, **changes)
    return placed


def histories() -> SearchStrategy[list[list[RunEvent]]]:
    """Appends of a few events each, of several runs, in the order of time."""
    return drawn(_history)


_sizes, _run_ids, _alone = st.lists(st.integers(1, 3), max_size=5), st.sampled_from(RUN_IDS), st.booleans()


def _history(draw: DrawFn) -> list[list[RunEvent]]:
    clock = count(NOW_NS)
    history = []
    for size in draw(_sizes):
        run_id = draw(_run_ids) if draw(_alone) else None
        history.append([_of(run_id or draw(_run_ids), next(clock), draw(_events)) for _ in range(size)])
    return history
