"""Events for the contract of recorders, made by hypothesis."""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st
from tests.contract.runs import NOW_NS

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

# Few, so that runs meet each other; odd, so that none is taken for SQL, JSON or a pattern.
RUN_IDS = ("run-1", "run-2", "run-10", "'; DROP TABLE runs; --", '{"$":"%_[x]"}', "NULL")
DIGESTS = ("00", "01", "ff")
TAG_KEYS = ("user", 'a."b\\', "é\n", "nul\0key")
TAG_VALUES = ("7", "", "'", "nul\0a", "nul\0b", "\N{LLAMA}")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
tags = st.dictionaries(st.sampled_from(TAG_KEYS), st.sampled_from(TAG_VALUES), max_size=2)
usages = st.none() | st.builds(Usage, *[st.integers(0, 10**6)] * 4)
costs = st.none() | st.floats(0, 10)
errors = st.builds(ErrorRecord, texts, texts, st.dictionaries(texts, contents, max_size=2))
effects = st.sampled_from(["complete", "recall", "remember"])


@st.composite
def events(draw: st.DrawFn, run_id: str, at_ns: int) -> RunEvent:
    """Any event of one run at one time."""
    kinds = {
        "started": st.builds(
            RunStarted,
            st.just(run_id),
            st.just(at_ns),
            st.just(LOG_SCHEMA_VERSION),
            st.sampled_from(RunKind),
            texts,
            st.none() | texts,
            st.none() | st.sampled_from(RUN_IDS),
            tags,
            contents,
        ),
        "effect": st.builds(EffectStarted, st.just(run_id), st.just(at_ns), texts, effects, input=contents),
        "outcome": st.builds(
            EffectFinished,
            st.just(run_id),
            st.just(at_ns),
            texts,
            effects,
            attempt=st.integers(1, 3),
            outcome=contents,
            error=st.none() | errors,
            partial=contents,
            usage=usages,
            cost_usd=costs,
            first_ns=st.none() | st.integers(0, 10**12),
        ),
        "paused": st.builds(RunPaused, st.just(run_id), st.just(at_ns), errors),
        "resumed": st.builds(RunResumed, st.just(run_id), st.just(at_ns), st.just(LOG_SCHEMA_VERSION), st.booleans()),
        "finished": st.builds(
            RunFinished, st.just(run_id), st.just(at_ns), st.sampled_from(RunStatus), st.none() | errors
        ),
        "blob": st.sampled_from(DIGESTS).map(lambda digest: Blob(run_id, digest, f'{{"data of":"{digest}"}}')),
    }
    return draw(kinds[draw(st.sampled_from(sorted(kinds)))])


@st.composite
def histories(draw: st.DrawFn) -> list[list[RunEvent]]:
    """Appends of a few events each, of several runs, in the order of time."""
    sizes = draw(st.lists(st.integers(1, 3), max_size=5))
    clock = count(NOW_NS)
    return [[draw(events(draw(st.sampled_from(RUN_IDS)), next(clock))) for _ in range(size)] for size in sizes]
