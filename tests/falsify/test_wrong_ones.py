"""The kit finds bugs: every adapter and bot that is wrong on purpose is refused, by a test that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from tests.falsify import listing
from tests.falsify.running import failures
from tests.falsify.table import CAUGHT_BY, caught
from tests.falsify.wrong import WrongAdapter, WrongBot

from llamabot.testing.laws import LAWS, LawBroken


@pytest.fixture(autouse=True)
def _found_and_not_shrunk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same examples each time, and no smaller ones sought: here it is enough that there is one."""
    monkeypatch.delenv("CI", raising=False)  # there pytest compares what differs line by line, however long it is
    before = settings()
    settings.register_profile(
        "falsify",
        max_examples=100,  # as many as users have by default, whatever the profile of this run
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        stateful_step_count=30,
    )
    settings.load_profile("falsify")
    yield
    settings.register_profile("before", before)
    settings.load_profile("before")


@pytest.mark.parametrize("adapter", listing.ADAPTERS, ids=lambda adapter: adapter.name)
def test_its_contract_refuses_a_wrong_adapter(
    adapter: WrongAdapter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fixtures = {"tmp_path": tmp_path, "caplog": caplog}
    failure = next(failures(adapter.suite, fixtures, first=CAUGHT_BY.get(adapter.key, "")), None)
    assert failure is not None, f"no test of {adapter.suite.llamabot_contract} fails for one that {adapter.bug.lower()}"
    caught(adapter.key, failure.test, failure.error)


@pytest.mark.parametrize("wrong", listing.BOTS, ids=lambda wrong: wrong.name)
def test_check_bot_refuses_a_wrong_bot(wrong: WrongBot) -> None:
    check, by = wrong.trial(), CAUGHT_BY.get(wrong.key)
    with pytest.raises(LawBroken) as broken:
        check(laws=[*([by] if by else []), *LAWS])
    caught(wrong.key, broken.value.law, broken.value)
