"""Write down which changes the tests do not notice, and why that may be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

GOAL = 0.9

HEAD = """\
# Which bugs the tests notice

Written by `make mutation`; not by hand. mutmut's small changes to `src/llamabot/domain` (another operator, another
constant, an argument left out), one at a time, each tried on the tests that run the changed line: those of
`tests/unit`, `tests/property`, `tests/contract`, `tests/performance`, `tests/integration/agents` and
`tests/integration/app` that open no socket, start no process and need no model. A change is killed if one of them
fails, works far longer than it should, or stands still. Tests that noticed a neighbour come first, then the quick ones;
who lives through them for some seconds of work is late, and counts as alive whatever the others would say. Changed
words of messages count as all other changes do; their share is told beside. Reasons are kept in
`mutation/reasons.toml`; the command fails where one is missing, or no longer needed. The figures are of the domain with
the fingerprint below; code that came later is not in them.

```console
$ make mutation
$ make mutation ONLY=src/llamabot/domain/budget.py
```
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a change, as the document tells it."""

    file: str
    function: str
    line: int
    old: str
    new: str
    outcome: str

    @property
    def is_killed(self) -> bool:
        """Tell whether the tests noticed."""
        return self.outcome == "killed"

    @property
    def is_late(self) -> bool:
        """Tell whether tests were left that might have noticed."""
        return self.outcome == "late"

    @property
    def text(self) -> str:
        """Return the change on one line."""
        old, new = (" ".join(text.split("\n")) for text in (self.old, self.new))
        return f"{old} → {new or 'nothing'}"

    @property
    def is_wording(self) -> bool:
        """Tell whether nothing but the text of a string was changed."""
        return _without_marks(self.old) == _without_marks(self.new)


def _without_marks(text: str) -> str:
    return text.replace("XX", "").lower()


def _short(file: str) -> str:
    """Return a file's path within the domain."""
    return file.rpartition("llamabot/domain/")[2]


@dataclass(frozen=True)
class Reason:
    """Why changes may live: those of the files and functions that these patterns name whose text has `change` in it."""

    why: str
    file: str = "*"
    function: str = "*"
    change: str = ""

    def covers(self, outcome: Outcome) -> bool:
        """Tell whether this is the reason of a change."""
        named = fnmatchcase(_short(outcome.file), self.file) and fnmatchcase(outcome.function, self.function)
        return named and re.search(self.change, outcome.text) is not None


@dataclass(frozen=True)
class Judged:
    """The changes that live, each with its reason or None; and the reasons that none of them has."""

    living: list[tuple[Outcome, Reason | None]]
    idle: list[Reason]

    @property
    def without(self) -> list[Outcome]:
        """Return the changes that live for no stated reason."""
        return [outcome for outcome, reason in self.living if reason is None]


LATE = Reason(
    "Late: the tests that noticed others and the quick ones did not notice, and there was no time for the rest"
)


def judged(outcomes: Iterable[Outcome], reasons: Sequence[Reason]) -> Judged:
    """Give each change that lives the first reason that covers it; one that is late and has none, that it is late."""
    living = [outcome for outcome in outcomes if not outcome.is_killed]
    pairs = [
        (outcome, next((reason for reason in reasons if reason.covers(outcome)), LATE if outcome.is_late else None))
        for outcome in living
    ]
    used = {id(reason) for _, reason in pairs}
    return Judged(pairs, [reason for reason in reasons if id(reason) not in used])


def share(outcomes: Sequence[Outcome]) -> float:
    """Return which part of the changes was killed; 1 where there are none."""
    return sum(outcome.is_killed for outcome in outcomes) / len(outcomes) if outcomes else 1.0


def document(outcomes: Sequence[Outcome], reasons: Sequence[Reason], facts: dict[str, str]) -> str:
    """Return the document: what it was measured on, a row a file, each change that lives under its reason."""
    found = judged(outcomes, reasons)
    words = [outcome for outcome in outcomes if outcome.is_wording]
    others = [outcome for outcome in outcomes if not outcome.is_wording]
    said = (
        f"{share(outcomes):.1%} of {len(outcomes):,} changes are killed (goal: {GOAL:.0%}): {share(words):.1%} of "
        f"{len(words):,} changes of a text alone, {share(others):.1%} of {len(others):,} others."
    )
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    parts = [HEAD, listed, said, "## By file", table(outcomes), "## Survivors", *_survivors(found)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a row a file, and one for all."""
    rows = ["| file | changes | killed | lived | not reached | share |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for file in sorted({outcome.file for outcome in outcomes}):
        of_it = [outcome for outcome in outcomes if outcome.file == file]
        rows += [_row(f"`{_short(file)}`", of_it)]
    return "\n".join([*rows, _row("all", outcomes)])


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    counts = Counter(outcome.outcome for outcome in outcomes)
    lived = len(outcomes) - counts["killed"] - counts["unreached"]
    cells = [len(outcomes), counts["killed"], lived, counts["unreached"], f"{share(outcomes):.1%}"]
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def _survivors(found: Judged) -> list[str]:
    """Return a paragraph a reason, with the changes that live by it."""
    whys = {reason.why if reason else "No reason is known yet": None for _, reason in found.living}
    return [_group(why, found) for why in whys] or ["None."]


def _group(why: str, found: Judged) -> str:
    of_it = [outcome for outcome, reason in found.living if (reason.why if reason else "No reason is known yet") == why]
    return "\n".join([f"{why}:", "", *map(_line, of_it)])


def _line(outcome: Outcome) -> str:
    fence = "``" if "`" in outcome.text else "`"
    return f"- `{_short(outcome.file)}:{outcome.line}` `{outcome.function}`: {fence}{outcome.text}{fence}"
