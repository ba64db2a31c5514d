"""A bot on trial: how it is made, which tools it has, what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.ports.tools import Tool
from llamabot.testing.behaviour import Behaviour
from llamabot.testing.laws.going import Makers
from llamabot.testing.laws.world import World
from llamabot.testing.strategies import behaviours
from llamabot.testing.strategies.fitting import Schema

__all__ = ["Trial", "named"]


class Trial:
    """One bot, and the models that it is tried with.

    Args:
        makers: of the bot in its colours.
        tools: that a toolbox offers to it.
        output: schema of the answers that the bot wants.
        ask: what it is asked.
    """

    def __init__(self, makers: Makers, tools: Sequence[Tool], output: Schema | None, ask: Any) -> None:
        self.makers, self.tools, self.output, self.ask = makers, tools, output, ask
        makers.sort(World(Behaviour(), tools).ports())

    def behaviours(self, loops: bool = False) -> SearchStrategy[Behaviour]:
        """Models to try it with; if it has tools, most of them are busy: an answer ends a run."""
        plain = behaviours(self.tools, output=self.output, max_turns=3, loops=loops)
        busy = behaviours(self.tools, output=self.output, max_turns=3, loops=loops, busy=True)
        return st.one_of(plain, busy, busy) if self.tools else plain

    def world(self, behaviour: Behaviour, on_event: Callable[[Any], Any] = lambda _: None) -> World:
        """Return a world of its own."""
        return World(behaviour, self.tools, on_event)

    def bot(self, colour: str, world: World, **others: Any) -> Any:
        """Return a bot in a world."""
        return self.makers.make(colour, world.ports(**others))

    def colours(self) -> SearchStrategy[str]:
        """One of the colours that there are."""
        return st.sampled_from(self.makers.colours)

    def ways(self) -> list[tuple[str, bool]]:
        """The ways to run it: each colour, whole and streamed."""
        return [(colour, streamed) for colour in self.makers.colours for streamed in (False, True)]

    def way(self) -> SearchStrategy[tuple[str, bool]]:
        """One of the ways."""
        return st.sampled_from(self.ways())


def named(way: tuple[str, bool]) -> str:
    """Return what a way is called."""
    return f"{way[0]}, {'streamed' if way[1] else 'whole'}"
