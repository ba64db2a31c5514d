"""Faults, and schedules of them: what befalls a port at its first call, its second, …."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.testing.faults import (
    ConnectionRefused,
    CutStream,
    DuplicateFragment,
    Failure,
    Fault,
    LostAnswer,
    MalformedBody,
    NoFinishReason,
    PortKind,
    RateLimit,
    ReorderedFragments,
    ServerError,
    Slow,
    TimedOut,
)

__all__ = ["fault_schedules", "port_faults"]

Schedule: TypeAlias = list[Fault | None]

_SECONDS = st.sampled_from([0.5, 5.0, 50.0, 5000.0])
_PLACES = st.integers(0, 3)


def fault_schedules(
    kind: PortKind = PortKind.COMPLETION, *, max_size: int = 4, slow: bool = True
) -> SearchStrategy[Schedule]:
    """Schedules for a port of a kind, as `faulty` takes them; they shrink to no fault at all.

    Args:
        kind: of the port.
        max_size: most calls that a schedule speaks of; those after them are not troubled.
        slow: whether some calls only take long.
    """
    return st.lists(st.none() | port_faults(kind, slow=slow), max_size=max_size)


@cache
def port_faults(kind: PortKind = PortKind.COMPLETION, *, slow: bool = True) -> SearchStrategy[Fault]:
    """One fault that may befall a port of a kind."""
    faults = {**_OF_ANY, **_OF_COMPLETIONS} if kind is PortKind.COMPLETION else _OF_ANY
    return st.one_of([fault for kind_of_fault, fault in faults.items() if slow or kind_of_fault is not Slow])


_OF_ANY: Mapping[type[Fault], SearchStrategy[Fault]] = {
    Failure: st.just(Failure()),
    LostAnswer: st.just(LostAnswer()),
    Slow: st.builds(Slow, _SECONDS, _PLACES),
}
_OF_COMPLETIONS: Mapping[type[Fault], SearchStrategy[Fault]] = {
    RateLimit: st.builds(RateLimit, st.none() | _SECONDS),
    ServerError: st.builds(ServerError, st.sampled_from([503, 500, 529])),
    TimedOut: st.just(TimedOut()),
    ConnectionRefused: st.just(ConnectionRefused()),
    CutStream: st.builds(CutStream, _PLACES),
    NoFinishReason: st.just(NoFinishReason()),
    DuplicateFragment: st.builds(DuplicateFragment, _PLACES),
    ReorderedFragments: st.builds(ReorderedFragments, _PLACES),
    MalformedBody: st.just(MalformedBody()),
}
