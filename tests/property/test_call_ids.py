"""Ids of calls: what is remembered between the decisions of a run changes nothing, whatever a bot sends again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import llamabot as lmb
from llamabot.domain.call_ids import CallIds, ids_in, with_own_ids
from llamabot.ports.completion import Completion, FinishReason

_IDS = st.sampled_from(["", "a", "a-2", "b", "c"])
_MESSAGES = st.one_of(
    st.just(lmb.user("?")),
    st.lists(_IDS, max_size=2).map(lambda ids: lmb.AssistantMessage("", tool_calls=tuple(map(_call, ids)))),
)


def _call(id_: str) -> lmb.ToolCall:
    return lmb.ToolCall(id_, "add", "{}")


@given(asked=st.lists(st.tuples(st.integers(0, 6), st.lists(_MESSAGES, max_size=3), st.lists(_IDS, max_size=3))))
def test_calls_are_told_apart_as_if_nothing_were_remembered(
    asked: list[tuple[int, list[lmb.Message], list[str]]],
) -> None:
    known, used, messages = CallIds(), set[str](), list[lmb.Message]()
    for kept, more, ids in asked:
        messages = [*messages[:kept], *more]
        answer = lmb.AssistantMessage("", tool_calls=tuple(map(_call, ids)))
        told = known.told_apart(Completion(answer, FinishReason.TOOL_CALLS), tuple(messages))
        assert told == with_own_ids(Completion(answer, FinishReason.TOOL_CALLS), messages, used)
        own = [call.id for call in told.message.tool_calls]
        assert len(set(own)) == len(own)
        assert not ids_in(messages).intersection(own)
        known.note(told)
        used.update(own)
        messages.append(told.message)
