"""The list of what is wrong on purpose: each adapter or bot is right but for one bug, which its docstring tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from llamabot.testing.contracts.contract import Contract

__all__ = ["ADAPTERS", "BOTS", "WrongAdapter", "WrongBot", "bot", "wrong"]

T = TypeVar("T")


class WrongAdapter(NamedTuple):
    """An adapter that its contract must refuse."""

    name: str
    bug: str
    suite: type[Contract]

    @property
    def key(self) -> str:
        """Return what tells it from all others, those of other ports too."""
        return f"{self.suite.llamabot_contract}.{self.name}"


class WrongBot(NamedTuple):
    """A bot that `check_bot` must refuse.

    Attributes:
        trial: returns `check_bot`, given what the bot needs; what is left to say is which laws, how many examples.
    """

    name: str
    bug: str
    trial: Callable[[], Callable[..., None]]

    @property
    def key(self) -> str:
        """Return what tells it from all others."""
        return f"check_bot.{self.name}"


ADAPTERS: list[WrongAdapter] = []
BOTS: list[WrongBot] = []


def wrong(hooks: type[Any], contract: type[Contract]) -> Callable[[T], T]:
    """Put an adapter on the list, to be tried by a contract.

    Args:
        hooks: overrides the contract's hooks; finds the adapter's class in `self.adapter`.
        contract: that it must not pass.
    """

    def listed(adapter: Any) -> Any:
        members = {"adapter": staticmethod(adapter), "__module__": adapter.__module__}
        suite = type(adapter.__name__, (hooks, contract), members)
        ADAPTERS.append(WrongAdapter(adapter.__name__, _bug(adapter), suite))
        return adapter

    return listed


def bot(trial: Callable[[], Callable[..., None]]) -> Callable[[], Callable[..., None]]:
    """Put a bot on the list: a function that returns its trial."""
    name = "".join(map(str.capitalize, trial.__name__.split("_")))
    BOTS.append(WrongBot(name, _bug(trial), trial))
    return trial


def _bug(of: Any) -> str:
    return " ".join((of.__doc__ or "").split())
