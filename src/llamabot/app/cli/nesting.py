"""Runs with the runs inside them."""

from __future__ import annotations

import msgspec

from llamabot.ports.completion import Usage
from llamabot.ports.errors import UsageError
from llamabot.ports.recorder import RecorderPort
from llamabot.ports.summary import RunSummary, summarize

__all__ = ["RunNode", "find_run", "nested"]

_CANDIDATES = 4


class RunNode(msgspec.Struct, frozen=True):
    """A run, and its children from the first to the last."""

    summary: RunSummary
    children: tuple[RunNode, ...]

    @property
    def usage(self) -> Usage:
        """Tokens of the run and of all runs inside it."""
        return sum((child.usage for child in self.children), start=self.summary.usage)

    @property
    def cost_usd(self) -> float | None:
        """Cost of the run and of all runs inside it, None if any that used tokens has no price."""
        parts = [child.cost_usd for child in self.children if child.usage.total_tokens]
        if self.summary.usage.total_tokens:
            parts.append(self.summary.cost_usd)
        known = [part for part in parts if part is not None]
        return sum(known) if known and len(known) == len(parts) else None

    @property
    def model(self) -> str:
        """The model, or the one that all children share, "" if there is no single one."""
        if self.summary.model:
            return self.summary.model
        models = {child.model for child in self.children}
        return models.pop() if len(models) == 1 else ""


def nested(recorder: RecorderPort, run: RunSummary) -> RunNode:
    """Return a run with those inside it."""
    children = sorted(recorder.runs(parent_id=run.run_id), key=lambda child: (child.started_ns, child.run_id))
    return RunNode(run, tuple(nested(recorder, child) for child in children))


def find_run(recorder: RecorderPort, wanted: str) -> RunSummary:
    """Return the run with that id, or the only one whose id begins so, or the `last` one that is in no other.

    Raises:
        UsageError: there is none, or more than one.
    """
    if wanted == "last":
        found = next((run for run in recorder.runs() if run.parent_id is None), None)
        if found is None:
            raise UsageError("nothing is recorded here yet")
        return found
    exact = summarize(recorder.events(wanted))
    if exact is not None:
        return exact
    fitting = [run for run in recorder.runs() if wanted and run.run_id.startswith(wanted)]
    if not fitting:
        raise UsageError(f"no run's id begins with {wanted!r}; `llamabot runs` lists them")
    if len(fitting) > 1:
        some = ", ".join(run.run_id for run in fitting[:_CANDIDATES])
        more = " …" if len(fitting) > _CANDIDATES else ""
        raise UsageError(f"{len(fitting)} runs have an id that begins with {wanted!r}: {some}{more}")
    return fitting[0]
