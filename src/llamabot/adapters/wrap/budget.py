"""Spending no more than was set aside for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from llamabot.adapters.wrap.bill import Bill, Price
from llamabot.adapters.wrap.periods import PERIODS, period_at
from llamabot.adapters.wrap.steps import Ask, Do, Steps, acquired, calling, noting
from llamabot.adapters.wrap.wrapped import Wrapped, capabilities_of
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import CompletionRequest, ModelCapabilities
from llamabot.ports.effect_context import current_effect
from llamabot.ports.errors import BudgetExceeded, ConfigurationError
from llamabot.ports.ledger import Balance, LedgerPort

__all__ = ["Budget"]

_NUSD = 1_000_000_000
_HIGHEST_PRICE_USD = 0.01
_GUESS_USD = 0.01


class Budget(Wrapped):
    """As `lmb.Budget`, around a port, with the ledger.

    Args:
        port: the port.
        ledger: knows what was spent, by all who share it.
        cost_usd: most to spend in each period, for each account.
        per: one of `PERIODS`.
        by: a tag of the runs, or None.
        prices: US dollars for a token of the prompt and for one of the answer, by model.
        name: of the budget.
        clock: says which period it is; by default that of the run.
    """

    wraps: ClassVar = ("complete",)

    def __init__(
        self,
        port: Any,
        ledger: LedgerPort,
        *,
        cost_usd: float,
        per: str = "day",
        by: str | None = None,
        prices: Mapping[str, tuple[float, float]] | None = None,
        name: str = "",
        clock: ClockPort | None = None,
    ) -> None:
        super().__init__(port, clock)
        if not _is_amount(cost_usd):
            raise ConfigurationError(f"cost_usd={cost_usd!r}: it is an amount of US dollars")
        if per not in PERIODS:
            raise ConfigurationError(f"per={per!r}: it is one of {', '.join(PERIODS)}")
        if by is not None and not isinstance(by, str):
            raise ConfigurationError(f'by={by!r}: it is the name of a tag, such as "user", or None')
        self._ledger, self._cost_usd, self._per, self._by, self._name = ledger, cost_usd, per, by, name
        self._given = {model: _checked(model, price) for model, price in (prices or {}).items()}
        self._known: dict[str, Price | None] = dict(self._given)
        self._dearest_usd: dict[str, float] = {}

    def spent_usd(self, value: str = "") -> float:
        """Return what is spent and set aside in this period.

        Args:
            value: of the tag; "" for runs without it, and where there is one account for all.
        """
        period, _ = period_at(self._per, self._clock_for(None).now_ns())
        return self._ledger.spent_nusd(self._account(value), period) / _NUSD

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what the port knows of a model; it has a price if one was given."""
        known = capabilities_of(self._port, model)
        price = self._given.get(model)
        if price is None or known.priced:
            return known
        return msgspec.structs.replace(
            known, priced=True, usd_per_prompt_token=price.prompt, usd_per_completion_token=price.completion
        )

    def _steps(self, request: CompletionRequest) -> Steps:
        context = current_effect.get()
        if request.model not in self._known:
            known = yield Do(partial(capabilities_of, self._port, request.model))
            self._known[request.model] = _price_in(known, request)
        bill = Bill(request, self._known[request.model], self._dearest_usd.get(request.model, _GUESS_USD))
        value = "" if context is None or self._by is None else context.tags.get(self._by, "")
        period, left_s = period_at(self._per, self._clock_for(context).now_ns())
        limit, reserved = round(self._cost_usd * _NUSD), math.ceil(bill.estimate_usd * _NUSD)
        account = self._account(value)

        def settled(paid_usd: float) -> Do:
            spent = round(paid_usd * _NUSD)
            return noting(
                self._ledger,
                partial(self._ledger.settle, account, period, reserved_nusd=reserved, spent_nusd=spent),
            )

        reserve = partial(self._ledger.reserve, account, period, reserved, limit_nusd=limit)
        balance = yield from acquired(
            calling(self._ledger, reserve), lambda balance: settled(0.0) if balance.is_reserved else None
        )
        if not balance.is_reserved:
            raise self._refused(balance, bill.estimate_usd, value, left_s)
        try:
            answer = yield Ask(self._port, request, bill)
        except BaseException as error:
            yield settled(bill.broken_off_usd(error))
            raise
        paid_usd = bill.paid_usd()
        self._dearest_usd[request.model] = max(paid_usd, self._dearest_usd.get(request.model, 0.0))
        yield settled(paid_usd)
        return answer

    def _account(self, value: str) -> str:
        return msgspec.json.encode([self._name, self._per, self._by, value]).decode()

    def _refused(self, balance: Balance, estimate_usd: float, value: str, left_s: float | None) -> BudgetExceeded:
        spent_usd = balance.spent_nusd / _NUSD
        whose = f" of {self._by} {value!r}" if value else f" of runs without {self._by}" if self._by else ""
        span = "" if left_s is None else f" a {self._per}"
        error = BudgetExceeded(
            f"the budget{whose} is ${self._cost_usd:g}{span}, of which ${spent_usd:.4g} is spent or set aside; this "
            f"request may cost ${estimate_usd:.4g}. Raise cost_usd, or lower max_tokens"
            + ("" if left_s is None else f"; it begins anew in {left_s:.0f} s")
        )
        error.limit_usd, error.spent_usd, error.retry_after_s = self._cost_usd, spent_usd, left_s
        return error

    def _parts(self) -> list[Any]:
        return [self._port, self._ledger]

    def __repr__(self) -> str:
        by = f", by={self._by!r}" if self._by else ""
        return f"Budget({self._port!r}, {self._ledger!r}, cost_usd={self._cost_usd}, per={self._per!r}{by})"


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _price_in(known: ModelCapabilities, request: CompletionRequest) -> Price | None:
    """Return the price that a port tells of a model, None if it has one and does not tell.

    Raises:
        ConfigurationError: it has none, and would count as nothing.
    """
    if not known.priced:
        raise ConfigurationError(
            f"the price of {request.model or 'the model'!r} is not known, so no budget can hold for it; say what a "
            f"token of the prompt and of the answer cost: Budget(…, prices={{{request.model!r}: (1.5e-7, 6e-7)}})"
        )
    if known.usd_per_prompt_token is None or known.usd_per_completion_token is None:
        return None
    return Price(known.usd_per_prompt_token, known.usd_per_completion_token)


def _checked(model: str, price: Any) -> Price:
    said = f"prices={{{model!r}: {price!r}}}"
    try:
        prompt, completion = map(float, price)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{said}: it is a pair, US dollars for a token of the prompt and for one of the answer"
        ) from error
    for usd in (prompt, completion):
        if not 0 <= usd < _HIGHEST_PRICE_USD:
            raise ConfigurationError(
                f"{said}: ${usd:g} a token is ${usd * 1e6:g} a million; if a million costs ${usd:g}, write {usd:g}e-6"
            )
    return Price(prompt, completion)
