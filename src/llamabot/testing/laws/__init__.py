"""Laws of bots: what we prove of ours, for a bot or a graph of your own. Needs the extra `testing`.

    check_bot(partial(lmb.SimpleBot, "You greet."), partial(lmb.AsyncSimpleBot, "You greet."))

`LAWS` has their names and what they say.
"""

from __future__ import annotations

from llamabot.testing.laws.broken import LawBroken
from llamabot.testing.laws.check import LAWS, check_bot
from llamabot.testing.laws.dying import Dying, Killed

__all__ = ["LAWS", "Dying", "Killed", "LawBroken", "check_bot"]
