"""The README as its readers use it: links lead somewhere, names are right; its code runs in `tests/packaging`."""

from __future__ import annotations

import re

from tests.project import ROOT

from llamabot.adapters.models import CATALOGUE

README = ROOT / "README.md"


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_names_the_model_that_the_demo_fetches_and_its_licence() -> None:
    text = README.read_text(encoding="utf-8")
    (named,) = set(re.findall(r"SmolLM2-[\w-]+", text))
    assert CATALOGUE[0].origin.startswith(named)
    assert CATALOGUE[0].licence in text
    assert f"embedded/{CATALOGUE[0].name}" in text


def test_quotes_no_figure_that_nobody_measures() -> None:
    prose = re.sub(r"```.*?```", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"\d[\d.,]*\s*(?:ms|µs|s|x|×|%|MB|times|tokens/s)\b", prose) == []
