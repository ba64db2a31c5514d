"""The schedule of a map: each input once, no more at once than allowed or ahead than bounded, and never stuck."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.domain.mapping.window import Do, Leave, Window


class Loop:
    """A loop over a window, whose inputs end in whatever order `choices` says."""

    def __init__(self, window: Window[int], inputs: int, choices: Any, error: Exception | None = None) -> None:
        self._window, self._left, self._choices, self._error = window, inputs, choices, error
        self._drawn = 0
        self._drawing = False
        self.running: list[int] = []
        self.yielded: list[int] = []
        self.most_running = self.most_ahead = 0

    def turn(self) -> bool:
        """Do what the window says; False at the end."""
        do = self._window.act()
        if isinstance(do, Leave):
            self.yielded.append(do.item)
        elif do is Do.END:
            return False
        elif do is Do.DRAW:
            assert not self._drawing, "two inputs are drawn at once"
            self._drawing = True
            if self._choices(2):  # else it comes later
                self._draw()
        else:
            assert self.running or self._drawing, "it waits for nothing"
            self._happen()
        return True

    def _happen(self) -> None:
        if self._drawing and (not self.running or self._choices(2)):
            self._draw()
        else:
            index = self.running.pop(self._choices(len(self.running)))
            self._window.done(index, index)

    def _draw(self) -> None:
        self._drawing = False
        if self._drawn == self._left:
            self._window.ended(self._error)
            return
        index = self._window.drew()
        assert index == self._drawn
        self._drawn += 1
        self.running.append(index)
        self.most_running = max(self.most_running, len(self.running))
        self.most_ahead = max(self.most_ahead, self._drawn - len(self.yielded))


@given(data=st.data(), inputs=st.integers(0, 40), concurrency=st.integers(1, 5), in_order=st.booleans())
def test_every_input_leaves_once_within_its_bounds(data: Any, inputs: int, concurrency: int, in_order: bool) -> None:
    choices = lambda count: data.draw(st.integers(0, count - 1))  # noqa: E731 - it is handed over
    loop = Loop(Window(concurrency, in_order=in_order), inputs, choices)
    while loop.turn():
        pass
    assert sorted(loop.yielded) == list(range(inputs))
    assert not in_order or loop.yielded == list(range(inputs))
    assert loop.most_running <= concurrency
    assert loop.most_ahead <= 4 * concurrency


def test_works_on_as_many_as_it_may() -> None:
    loop = Loop(Window(3, in_order=True), 10, lambda count: count - 1)
    while loop.turn():
        pass
    assert loop.most_running == 3


def test_a_slow_first_one_holds_up_a_bounded_number() -> None:
    window: Window[int] = Window(2, in_order=True)
    assert window.act() is Do.DRAW
    window.drew()
    for index in range(1, 8):
        assert window.act() is Do.DRAW
        window.drew()
        assert window.act() is Do.WAIT
        window.done(index, index)  # all but the first are quick
    assert window.act() is Do.WAIT


def test_draws_one_input_before_it_hands_an_item_out_and_no_more() -> None:
    window: Window[int] = Window(4, in_order=False)
    for _ in range(4):
        assert window.act() is Do.DRAW
        window.drew()
    assert window.act() is Do.WAIT
    for index in range(4):
        window.done(index, index)
    for _ in range(4):
        assert window.act() is Do.DRAW
        window.drew()
        assert isinstance(window.act(), Leave)
    assert window.act() is Do.WAIT


def test_hands_out_what_is_done_while_the_next_input_is_waited_for() -> None:
    window: Window[int] = Window(2, in_order=True)
    window.act()
    window.drew()
    assert window.act() is Do.DRAW
    window.done(0, 0)
    assert isinstance(window.act(), Leave)
    assert window.act() is Do.WAIT


def test_raises_what_the_inputs_ended_with_after_the_last_item() -> None:
    window: Window[int] = Window(1, in_order=True)
    window.act()
    window.drew()
    assert window.act() is Do.WAIT
    window.done(0, 0)
    assert window.act() is Do.DRAW
    window.ended(ValueError("the file is torn"))
    assert isinstance(window.act(), Leave)
    assert window.act() is Do.END
    with pytest.raises(ValueError, match="torn"):
        window.check()
    window.check()
