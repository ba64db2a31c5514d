"""Sections as Markdown: what `docs/benchmarks.md` is made of, and what the terminal shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness import Row, Section, Spread

__all__ = ["document", "number", "renewed", "section_text"]

_BY_ITSELF = "Measured by itself"
_KEPT, _MISSED = " | yes |", " | **no** |"
_INTRODUCTION = """\
# What the library costs

Written by `make bench`; not by hand. Whatever is compared was measured in the same run, in alternating rounds. Each
figure is the median of the rounds, with the quartiles behind it. Differences and ratios are taken within a round.

Budgets in µs, ms and s are meant for an idle machine. The calibration loop beside them is 10,000 steps of plain Python
(it stores numbers in a dict), timed in every round: where it is far above its own lowest figure, the machine was busy
and all figures are too high.
"""


def document(sections: Sequence[Section], machine: Mapping[str, str], old: str) -> str:
    """Return the whole document; what was measured by itself stays from the old one."""
    facts = "\n".join(f"- {name}: {fact}" for name, fact in machine.items())
    command = "```console\n$ make bench\n```\n"
    texts = [section_text(section) for section in sections]
    titles = {section.title for section in sections}
    texts += [
        f"## {part}" for part in old.split("\n## ")[1:] if _BY_ITSELF in part and part.split("\n", 1)[0] not in titles
    ]
    return "\n".join([_INTRODUCTION, command, facts + "\n", _overview(texts), *texts])


def renewed(text: str, sections: Sequence[Section], machine: Mapping[str, str]) -> str:
    """Return a document with some subjects in the place of older ones, or at its end, and when they were measured."""
    head, *old = text.split("\n## ")
    texts = {part.split("\n", 1)[0]: f"## {part}" for part in old}
    facts = "; ".join(f"{name}: {fact}" for name, fact in machine.items())
    for section in sections:
        texts[section.title] = f"{section_text(section)}\n{_BY_ITSELF}; {facts}.\n"
    start = head[: head.rindex("\n\n", 0, head.rindex(" budgets are kept."))]
    return "\n".join([start + "\n", _overview(list(texts.values())), *(f"{part.strip()}\n" for part in texts.values())])


def section_text(section: Section) -> str:
    """Return one subject."""
    parts = [f"## {section.title}\n", section.text.strip() + "\n"]
    if section.rows:
        parts.append(_table(section.rows))
    if section.calibration_us is not None:
        low = section.calibration_us.low
        parts.append(f"Calibration loop: {number(section.calibration_us.median)} µs (from {number(low)}).\n")
    parts += [f"{note}\n" for note in section.notes]
    return "\n".join(parts)


def _overview(texts: Sequence[str]) -> str:
    lines = [line for text in texts for line in text.splitlines() if line.endswith((_KEPT, _MISSED))]
    missed = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.endswith(_MISSED)]
    kept = f"{len(lines) - len(missed)} of {len(lines)} budgets are kept."
    return f"{kept} Not kept: {', '.join(missed)}.\n" if missed else f"{kept}\n"


def _table(rows: Sequence[Row]) -> str:
    with_sides = any(row.bare for row in rows)
    head = ["what", *(["bare", "ours"] if with_sides else []), "judged", "budget", "kept"]
    lines = [head, ["---", *["---:"] * (len(head) - 2), "---"], *(_cells(row, with_sides) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _cells(row: Row, with_sides: bool) -> list[str]:
    sides = [_side(row.bare, row.sides_unit), _side(row.ours, row.sides_unit)] if with_sides else []
    kept = {None: "", True: "yes", False: "**no**"}[row.met]
    return [row.what, *sides, f"{_spread(row.judged)} {row.unit}", _budget(row), kept]


def _side(side: Spread | None, unit: str) -> str:
    return "" if side is None else f"{number(side.median)} {unit}"


def _budget(row: Row) -> str:
    if row.budget is None:
        return ""
    return f"{'≥' if row.at_least else '≤'} {number(row.budget)}"


def _spread(values: Spread) -> str:
    return f"{number(values.median)} ({number(values.low)} to {number(values.high)})"


def number(value: float) -> str:
    """Return three significant digits, thousands parted."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
