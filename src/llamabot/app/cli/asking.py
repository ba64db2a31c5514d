"""`llamabot ask`: one question, one answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from llamabot.app.cli.answering import answer, say_how_it_ended
from llamabot.app.cli.schemas import read_schema
from llamabot.app.cli.session import session
from llamabot.app.cli.terminal import AnswerWriter, is_terminal, say
from llamabot.domain.result import AttemptRejected, Result
from llamabot.domain.settings import BotSettings
from llamabot.domain.simple import SimpleBot
from llamabot.domain.structured import StructuredBot
from llamabot.ports.errors import UsageError

__all__ = ["ask", "whole_question"]


def ask(
    question: str,
    system: str,
    *,
    model: str | None,
    temperature: float | None,
    stream: bool,
    schema_file: Path | None,
    docs: Sequence[str] = (),
    store: Path | None = None,
) -> None:
    """Answer a question on stdout."""
    if docs or store is not None:
        if schema_file is not None:
            raise UsageError("documents are answered from in words: leave --schema out")
        from llamabot.app.cli.documents import ask_documents

        question = whole_question(question, "ask")
        ask_documents(question, docs, store=store, model=model, system=system, temperature=temperature, stream=stream)
        return
    output = None if schema_file is None else read_schema(schema_file)
    question = whole_question(question, "ask")
    with session(model) as name:
        settings = BotSettings(model=name, temperature=temperature, name="ask")
        if output is not None:
            _print_json(_accepted(StructuredBot(system, output=output, **settings), question))
        elif stream:
            answer(SimpleBot(system, **settings), question)
        else:
            result = SimpleBot(system, **settings).run(question)
            _print(result.text)
            say_how_it_ended(result)


def whole_question(question: str, command: str) -> str:
    """Return the question with what comes through a pipe below it."""
    question = "\n\n".join(filter(None, (question.strip(), _piped())))
    if not question:
        raise UsageError(f'nothing was asked: llamabot {command} "…", or send text through a pipe')
    return question


def _piped() -> str:
    """Return what comes through a pipe, "" if stdin is a terminal."""
    if sys.stdin is None or is_terminal(sys.stdin):
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UsageError(f"what comes through the pipe is not UTF-8 text: {error}") from error


def _accepted(bot: StructuredBot[Any], question: str) -> Result[Any]:
    """Return the answer that fitted; the attempts before it are told."""
    with bot.stream(question) as events:
        for event in events:
            if isinstance(event, AttemptRejected):
                say(f"an answer was not accepted: {event.error}")
        return events.result


def _print_json(result: Result[Any]) -> None:
    _print(msgspec.json.format(msgspec.json.encode(result.value), indent=2).decode())


def _print(text: str) -> None:
    writer = AnswerWriter()
    writer.text(text)
    writer.end()
