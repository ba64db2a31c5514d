"""The decorators that keep something: put together with where they keep it, memory or a file that processes share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llamabot.adapters.fake.shared import InMemoryCache, InMemoryTurns
from llamabot.adapters.sqlite.shared import SqliteCache, SqliteLedger, SqliteTurns
from llamabot.adapters.wrap import budget, cache, ratelimit
from llamabot.app.cli.places import budget_place, prepare_place
from llamabot.app.settings import working_folder
from llamabot.ports.clock import ClockPort

__all__ = ["Budget", "Cache", "RateLimit"]


class Cache(cache.Cache):
    """Answers what was asked before from what was answered then.

        model = lmb.Cache(lmb.LiteLLMCompletion(), path="answers.db")

    The same is: the whole request (model, messages, tools, schema, temperature, options, …) but for how long it may
    take, to the same adapter; of an embedder, the same text to the model of the same name. Keys are no part of it.

    An answer from the cache costs 0 and says `from_cache`; a stream comes in the fragments that it came in. Errors,
    answers that the provider's filter ended and streams that were left are not kept. Equal requests that are made at
    once, and not streamed, are asked once.

    Args:
        port: a completion port or an embedder.
        path: of a SQLite file, which processes may share and which survives them; None is memory, for the 10,000
            answers that were used last.
        name: of the adapter, in the place of what it says of itself (`identity`), which is the name of its class where
            it says nothing.
        max_age_s: older answers are asked for anew; None keeps them.
        clock: tells how old they are; by default that of the run.
    """

    def __init__(
        self,
        port: Any,
        path: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        max_age_s: float | None = None,
        clock: ClockPort | None = None,
    ) -> None:
        kept = InMemoryCache() if path is None else SqliteCache(path)
        super().__init__(port, kept, name=name, max_age_s=max_age_s, clock=clock)


class RateLimit(ratelimit.RateLimit):
    """Starts requests no faster than a provider allows, first come, first served.

        model = lmb.RateLimit(lmb.LiteLLMCompletion(), rpm=500, tpm=200_000, path="limits.db")

    A request whose turn would come after its `timeout_s`, or after the deadline of its call, is refused at once with
    `RateLimited`.

    Args:
        port: a completion port or an embedder.
        rpm: requests that start in any 60 seconds.
        tpm: tokens of these; estimated before, corrected by what the provider counts.
        path: of a SQLite file that processes share; None is a limit of this object alone.
        name: of the limit; those with the same file and name share it.
        clock: to wait on; by default that of the run.
    """

    def __init__(
        self,
        port: Any,
        *,
        rpm: int | None = None,
        tpm: int | None = None,
        path: str | os.PathLike[str] | None = None,
        name: str = "",
        clock: ClockPort | None = None,
    ) -> None:
        turns = InMemoryTurns() if path is None else SqliteTurns(path)
        super().__init__(port, turns, rpm=rpm, tpm=tpm, name=name, clock=clock)


class Budget(budget.Budget):
    """Refuses a request that may cost more than is left, with `BudgetExceeded` and without asking.

        model = lmb.Budget(lmb.LiteLLMCompletion(), cost_usd=0.50, per="day", by="user")
        bot("Hi", tags={"user": "7"})

    What a request may cost is set aside while it runs, so that ten at once do not all slip under the limit, and what it
    did cost is put in its place. Streams count too, also those that are left or fail: with what was counted, or with an
    estimate of what had arrived. Where nobody knows what was paid (a time-out, a process that was killed), the estimate
    stays.

    Args:
        port: a completion port.
        cost_usd: most to spend in each period, for each account.
        per: `hour`, `day`, `week` or `month` of the UTC calendar; `forever` never begins anew.
        by: a tag of the runs: each of its values is an account. Runs without it share one; None is one for all.
        prices: US dollars for a token of the prompt and for one of the answer, by model, where the port knows no price.
        path: of a SQLite file that all share who share the budget, processes and restarts included. None is
            `.llamabot/budgets.db` in the project that the process runs in, or in the user's data folder outside of one.
        name: of the budget; those with the same file, name, period and tag share what was spent.
        clock: says which period it is; by default that of the run.

    Raises:
        ConfigurationError: at the first request to a model of unknown price.
    """

    def __init__(
        self,
        port: Any,
        *,
        cost_usd: float,
        per: str = "day",
        by: str | None = None,
        prices: Mapping[str, tuple[float, float]] | None = None,
        path: str | os.PathLike[str] | None = None,
        name: str = "",
        clock: ClockPort | None = None,
    ) -> None:
        ledger = SqliteLedger(_place() if path is None else path)
        super().__init__(port, ledger, cost_usd=cost_usd, per=per, by=by, prices=prices, name=name, clock=clock)


def _place() -> Path:
    place = budget_place(Path(working_folder()))
    prepare_place(place)
    return place
