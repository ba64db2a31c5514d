"""What a law shows of a model is that model, on short lines, and a difference is seen in one of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from llamabot import testing
from llamabot.ports import completion, tools
from llamabot.ports.messages import UserMessage
from llamabot.testing import Behaviour, Turn, strategies
from llamabot.testing.laws.broken import Broken, same
from llamabot.testing.laws.shown import line_of, lines_of

LOOK = tools.ToolSpec("look", "Look.", {"type": "object", "properties": {"day": {"type": "integer"}}})
NAMES: dict[str, Any] = {**vars(completion), **vars(tools), "Behaviour": Behaviour, "Turn": Turn}


@given(strategies.behaviours([LOOK]))
def test_what_is_shown_of_a_model_can_be_pasted(behaviour: Behaviour) -> None:
    for shown in (line_of(behaviour), "\n".join(lines_of(behaviour))):
        assert eval(shown, NAMES) == behaviour  # noqa: S307 - that it can be is what is shown


def test_what_is_long_is_shown_on_short_lines() -> None:
    wordy = testing.Behaviour((Turn("a word and " * 40, calls=(tools.ToolCall("1", "look", "{}"),) * 4),) * 3)
    assert max(map(len, lines_of(wordy))) <= 110
    assert lines_of({"a": [1, 2], "b": ()}) == ["{'a': [1, 2], 'b': ()}"]


@pytest.mark.parametrize("changes", [{"temperature": 0.5}, {"messages": ()}, {"model": "x" * 500 + "y"}])
def test_a_difference_is_seen_however_far_in_it_is(changes: dict[str, Any]) -> None:
    request = completion.CompletionRequest("x" * 500, tuple(map(_message, range(30))), timeout_s=1)
    with pytest.raises(Broken) as told:
        same("what was asked", ("one", (request,)), ("other", (msgspec.structs.replace(request, **changes),)))
    lines = str(told.value).splitlines()
    assert any(line.startswith(("-", "+")) and not line.startswith(("---", "+++")) for line in lines)
    gone, new = ([line[1:] for line in lines[3:] if line.startswith(sign)] for sign in "-+")
    assert gone != new
    assert max(map(len, lines)) <= 120


def _message(number: int) -> Any:
    return UserMessage(f"message {number}")
