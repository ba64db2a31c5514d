"""`llamabot chat`: a conversation that survives Ctrl-C and errors of single answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from llamabot.adapters.fake.memory import ChatMemory
from llamabot.app.cli.answering import answer
from llamabot.app.cli.interrupts import one_interrupt
from llamabot.app.cli.session import session
from llamabot.app.cli.terminal import is_terminal, read_line, say
from llamabot.domain.simple import SimpleBot
from llamabot.domain.span import span
from llamabot.ports.errors import ConfigurationError, ContextTooLong, LlamabotError

__all__ = ["chat"]

_PROMPT = "> "


def chat(system: str, *, model: str | None, temperature: float | None) -> None:
    """Answer line by line, until the end of the input. All turns are one span in the log."""
    if is_terminal(sys.stdin):
        with suppress(ImportError):  # not on every system; lines are edited plainly then
            import readline  # noqa: F401 - importing it gives `input` its editing
    with session(model) as name, ExitStack() as whole:
        bot = SimpleBot(system, model=name, temperature=temperature, name="chat", memory=ChatMemory(turns=None))
        if is_terminal(sys.stdin):
            say(f"{name}. Ctrl-C stops an answer, Ctrl-D leaves.", prefix="")
        for number, line in enumerate(_lines()):
            if number == 0:
                whole.enter_context(span("chat"))
            _turn(bot, line)


def _lines() -> Iterator[str]:
    """Yield what the user enters; Ctrl-C drops a half-written line."""
    while True:
        try:
            line = read_line(_PROMPT)
        except EOFError:
            if is_terminal(sys.stdin):
                say("", prefix="")
            return
        except KeyboardInterrupt:
            if not is_terminal(sys.stdin):
                raise
            say("", prefix="")
            continue
        except UnicodeDecodeError as error:
            say(f"this line is not UTF-8 text: {error}")
            continue
        if line.strip():
            yield line.strip()


def _turn(bot: SimpleBot, line: str) -> None:
    """Answer one line. Stopped or failed, it leaves the conversation as it was before."""
    try:
        with one_interrupt():
            answer(bot, line)
    except KeyboardInterrupt:
        say("stopped; the conversation goes on without this answer")
    except ConfigurationError:
        raise  # the next turn would meet it again
    except ContextTooLong as error:
        say(f"{error} The conversation has grown too long for the model: leave and begin a new one.")
    except LlamabotError as error:
        say(str(error))
