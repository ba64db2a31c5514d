"""What is refused before it is asked, what is set aside, and what was paid."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wrap.budgets import CHEAP, budget, costing
from tests.unit.wrap.four_ways import WAYS, outcome, request

import llamabot as lmb
from llamabot.adapters.fake.shared import InMemoryLedger
from llamabot.adapters.wrap.periods import PERIODS, period_at
from llamabot.ports.completion import Completion, ModelCapabilities
from llamabot.ports.errors import BudgetExceeded, CompletionTimeout, ConfigurationError, RateLimited
from llamabot.ports.recorder import RunStatus
from llamabot.testing import FunctionCompletion, HashedEmbedding, InMemoryRecorder, ScriptedCompletion, VirtualClock


@pytest.mark.parametrize("way", WAYS)
def test_refuses_before_it_asks_what_may_cost_too_much(way: str) -> None:
    port = ScriptedCompletion([costing(0.6), costing(0.3), "never"])
    held = budget(port, 1.0)
    for _ in range(2):
        WAYS[way](held, request(max_tokens=100))
    with pytest.raises(BudgetExceeded, match="Raise cost_usd, or lower max_tokens") as caught:
        WAYS[way](held, request(max_tokens=100))
    assert (caught.value.limit_usd, caught.value.spent_usd, caught.value.retryable) == (1.0, 0.9, False)
    assert len(port.requests) == 2
    assert held.spent_usd() == 0.9


@pytest.mark.parametrize("colour", ["threads", "tasks"])
def test_ten_at_once_do_not_all_slip_under_the_limit(colour: str) -> None:
    class Slow(FunctionCompletion):
        def complete(self, asked: Any) -> Any:
            all_asked.wait(10)
            return super().complete(asked)

        async def acomplete(self, asked: Any) -> Any:
            await asyncio.sleep(0.01)
            return super().complete(asked)

    all_asked = threading.Event()
    port, refused = Slow(lambda asked: costing(0.1)), []
    held = budget(port, 1.0)

    def ask() -> None:
        try:
            held.complete(request(max_tokens=100))  # may cost a fifth
        except BudgetExceeded:
            refused.append(1)

    async def ask_all() -> list[Any]:
        return await asyncio.gather(
            *(held.acomplete(request(max_tokens=100)) for _ in range(10)), return_exceptions=True
        )

    if colour == "tasks":
        refused += [one for one in asyncio.run(ask_all()) if isinstance(one, BudgetExceeded)]
    else:
        asking = [threading.Thread(target=ask) for _ in range(10)]
        for thread in asking:
            thread.start()
        while len(refused) < 6:
            assert any(thread.is_alive() for thread in asking)
            threading.Event().wait(0.001)
        all_asked.set()
        for thread in asking:
            thread.join()
    assert (len(port.requests), len(refused)) == (4, 6)
    assert held.spent_usd() == pytest.approx(0.4)


def test_each_user_has_a_budget_of_their_own_in_all_colours() -> None:
    held = budget(FunctionCompletion(lambda asked: costing(0.6)), 1.0, by="user")
    bot = lmb.SimpleBot("", completion=held, model="first", max_tokens=10)
    for user in ("7", "8"):
        bot("Hi", tags={"user": user})
    bot("Hi")

    async def ask() -> None:
        await lmb.AsyncSimpleBot("", completion=held, model="first", max_tokens=300)("Hi", tags={"user": "7"})

    with pytest.raises(BudgetExceeded, match="of user '7'"):
        asyncio.run(ask())
    with pytest.raises(BudgetExceeded), lmb.SimpleBot("", completion=held, model="first").stream("Hi") as events:
        list(events)
    assert [held.spent_usd(value) for value in ("7", "8", "", "9")] == [0.6, 0.6, 0.6, 0.0]


def test_says_whose_budget_it_is() -> None:
    held = budget(ScriptedCompletion(), 0.0, by="user")
    with pytest.raises(BudgetExceeded, match="the budget of runs without user is"):
        held.complete(request())
    with pytest.raises(BudgetExceeded, match=r"the budget is \$0 a day"):
        budget(ScriptedCompletion(), 0.0).complete(request())


def test_holds_for_a_port_that_says_nothing_of_its_models() -> None:
    class Plain:
        def complete(self, asked: Any) -> Completion:
            return costing(0.1)

    held = budget(Plain(), 1.0)
    assert held.complete(request(max_tokens=10)).cost_usd == 0.1
    assert held.capabilities("other") == ModelCapabilities()
    with pytest.raises(ConfigurationError, match="prices="):
        held.complete(request(model="other"))


def test_sets_aside_what_the_options_say_of_the_length_too() -> None:
    held = budget(ScriptedCompletion([costing(0.1)]), 1.0)
    assert outcome("complete", held, request(options={"max_completion_tokens": 1000})) == "BudgetExceeded"
    assert outcome("complete", held, request(options={"max_completion_tokens": 10})) == "one two"


def test_a_run_that_the_budget_ends_is_limited_and_its_log_says_by_how_much() -> None:
    recorder = InMemoryRecorder()
    bot = lmb.SimpleBot("", completion=budget(ScriptedCompletion(), 0.0), model="first", recorder=recorder)
    with pytest.raises(BudgetExceeded):
        bot("Hi")
    (run,) = recorder.runs()
    assert run.status is RunStatus.LIMITED
    assert run.error is not None
    assert run.error.type == "BudgetExceeded"


def test_begins_anew_with_each_period() -> None:
    clock = VirtualClock(int(datetime(2026, 11, 26, 23, 0, tzinfo=UTC).timestamp()) * 10**9)
    held = budget(FunctionCompletion(lambda asked: costing(1.0)), 1.0, clock=clock)
    held.complete(request(max_tokens=10))
    with pytest.raises(BudgetExceeded) as caught:
        held.complete(request(max_tokens=10))
    assert caught.value.retry_after_s == 3600
    clock.advance(3600)
    assert held.spent_usd() == 0.0
    assert outcome("complete", held, request(max_tokens=10)) == "one two"


@pytest.mark.parametrize(
    ("per", "name", "left_s"),
    [
        ("hour", "2026-11-26T13", 1770),
        ("day", "2026-11-26T00", 10 * 3600 + 1770),
        ("week", "2026-11-23T00", 3 * 86400 + 10 * 3600 + 1770),
        ("month", "2026-11-01T00", 4 * 86400 + 10 * 3600 + 1770),
        ("forever", "", None),
    ],
)
def test_periods_are_those_of_the_utc_calendar(per: str, name: str, left_s: float | None) -> None:
    now_ns = int(datetime(2026, 11, 26, 13, 30, 30, tzinfo=UTC).timestamp()) * 10**9
    assert period_at(per, now_ns) == (name, left_s)


@settings(max_examples=30)
@given(st.sampled_from(PERIODS[:-1]), st.integers(1_000_000_000, 4_000_000_000))
def test_a_period_ends_where_the_next_begins(per: str, now_s: int) -> None:
    name, left_s = period_at(per, now_s * 10**9)
    assert left_s is not None
    assert left_s > 0
    ends_s = now_s + int(left_s)
    assert period_at(per, (ends_s - 1) * 10**9)[0] == name
    next_name, whole_s = period_at(per, ends_s * 10**9)
    assert next_name > name
    assert whole_s is not None
    assert whole_s >= left_s if per != "month" else whole_s >= 28 * 86400


STEPS: list[Any] = ["Hi!", costing(0.2), RateLimited("no"), CompletionTimeout("no"), ValueError("no")]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(STEPS), max_size=6))
def test_is_the_same_in_all_colours(script: Sequence[Any]) -> None:
    seen = set()
    for way in WAYS:
        held = budget(ScriptedCompletion(list(script) * 2), 1.0)
        told = tuple(outcome(way, held, request(max_tokens=100)) for _ in script)
        seen.add((told, held.spent_usd()))
    assert len(seen) == 1


def test_survives_restarts_and_is_kept_with_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    ask = [lmb.Budget(FunctionCompletion(lambda asked: costing(0.6)), cost_usd=1.0, prices=CHEAP) for _ in range(2)]
    assert outcome("complete", ask[0], request(max_tokens=10)) == "one two"
    assert outcome("acomplete", ask[1], request()) == "BudgetExceeded"
    assert (tmp_path / ".llamabot" / "budgets.db").exists()
    elsewhere = lmb.Budget(ScriptedCompletion([costing(0.1)]), cost_usd=1.0, prices=CHEAP, path=tmp_path / "other.db")
    assert outcome("complete", elsewhere, request(max_tokens=10)) == "one two"


def test_those_with_another_name_period_or_tag_share_nothing() -> None:
    # On a Monday that begins a month, where an hour, a day, a week and a month begin at once.
    ledger, clock = InMemoryLedger(), VirtualClock(int(datetime(2026, 6, 1, 0, 30, tzinfo=UTC).timestamp()) * 10**9)
    budgets = [
        budget(ScriptedCompletion([costing(1.0)]), 1.0, ledger=ledger, clock=clock, **of)
        for of in ({}, {"name": "x"}, {"per": "month"}, {"by": "user"})
    ]
    assert [outcome("complete", one, request(max_tokens=10)) for one in budgets] == ["one two"] * 4


@pytest.mark.parametrize("way", ["acomplete", "astream"])
def test_a_task_that_is_cancelled_leaves_nothing_set_aside_that_was_not_asked(way: str, tmp_path: Path) -> None:
    held = lmb.Budget(ScriptedCompletion(["never"]), cost_usd=1.0, prices=CHEAP, path=tmp_path / "budget.db")
    held.spent_usd()

    async def cancel() -> None:
        asking = asyncio.ensure_future(asyncio.to_thread(lambda: None))
        await asking

        async def ask() -> None:
            if way == "acomplete":
                await held.acomplete(request(max_tokens=10))
            else:
                async with aclosing(held.astream(request(max_tokens=10))) as stream:
                    await anext(stream)

        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)  # it is setting aside now, in a thread
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(cancel())
    assert held.spent_usd() == 0.0


@pytest.mark.parametrize("cost_usd", [-1, float("nan"), float("inf"), "1", True, None])
def test_refuses_a_budget_that_is_none(cost_usd: Any) -> None:
    with pytest.raises(ConfigurationError, match="cost_usd"):
        budget(ScriptedCompletion(), cost_usd)


@pytest.mark.parametrize("more", [{"per": "fortnight"}, {"by": 7}, {"prices": {"m": 0.1}}, {"prices": {"m": ("a", 1)}}])
def test_refuses_words_that_mean_nothing(more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        budget(ScriptedCompletion(), 1.0, **more)


def test_refuses_the_price_of_a_million_tokens_for_that_of_one() -> None:
    with pytest.raises(ConfigurationError, match=r"write 0\.15e-6"):
        budget(ScriptedCompletion(), 1.0, prices={"m": (0.15, 0.6)})


def test_refuses_an_embedder() -> None:
    with pytest.raises(ConfigurationError, match="a completion port"):
        budget(HashedEmbedding(), 1.0)
