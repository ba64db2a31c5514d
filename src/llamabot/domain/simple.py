"""`SimpleBot`: a question, an answer."""

from __future__ import annotations

from llamabot.domain.asking import ask, recall, remember
from llamabot.domain.bot import Bot
from llamabot.domain.call import Call
from llamabot.domain.effects import Core
from llamabot.domain.result import Conclusion
from llamabot.domain.shells import AsyncShell, SyncShell
from llamabot.ports.messages import AssistantMessage

__all__ = ["AsyncSimpleBot", "SimpleBot"]


class SimpleBody(Bot[AssistantMessage]):
    """System prompt, conversation, question; one completion; the answer as it came."""

    def _core(self, call: Call) -> Core[Conclusion[AssistantMessage]]:
        history = yield from recall(call)
        messages = (*self._system, *history, *call.inputs)
        completion = yield from ask(call.request, messages)
        yield from remember(call, completion.message)
        message = completion.message
        return Conclusion(message, message.text, (*messages, message), completion.finish_reason)


class SimpleBot(SimpleBody, SyncShell[AssistantMessage]):
    """A bot that answers: `bot("…")` is an `AssistantMessage`, whose `str` is its text."""


class AsyncSimpleBot(SimpleBody, AsyncShell[AssistantMessage]):
    """As `SimpleBot`, awaited."""
