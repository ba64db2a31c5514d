"""The library of this name before it was written anew.

Its synchronous bot cannot hand out a stream, and its agent does not tell the server of tools' results as such.
"""

from __future__ import annotations

from benchmarks.peers.tasks import ANSWER, MODEL, PROMPT, QUESTION, Ask, Tasks
from llamabot import AsyncSimpleBot, SimpleBot

__all__ = ["llamabot_0_19"]


def llamabot_0_19(address: str) -> Tasks:
    """Return what its bots do, on the server and on its fake."""
    given = {"model_name": f"openai/{MODEL}", "stream_target": "none", "api_base": address, "api_key": "none"}
    bot, fake = SimpleBot(PROMPT, **given), SimpleBot(PROMPT, mock_response=ANSWER, **given)
    streaming = AsyncSimpleBot(PROMPT, **given)

    def acall() -> Ask:
        fresh = AsyncSimpleBot(PROMPT, **given)

        async def ask() -> str:
            return str((await fresh(QUESTION)).content)

        return ask

    return Tasks(
        call=lambda: str(bot(QUESTION).content),
        acall=acall,
        astream=lambda: streaming.stream_async(QUESTION),
        fake_turn=lambda: fake(QUESTION),
    )
