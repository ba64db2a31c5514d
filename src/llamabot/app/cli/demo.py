"""`llamabot demo`: the main job on a model of this machine, step by step, recorded."""

from __future__ import annotations

import shutil
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llamabot.adapters import models
from llamabot.app.building import EMBEDDED_PREFIX
from llamabot.app.cli.answering import answer
from llamabot.app.cli.local import progress_bar, size_text
from llamabot.app.cli.session import session
from llamabot.app.cli.show import run_tree
from llamabot.app.cli.terminal import display, is_terminal, say, visible
from llamabot.app.demo.excerpts import Excerpts, choose_excerpts
from llamabot.app.demo.questions import ANSWERING, checked_question, posed
from llamabot.app.demo.texts import Source, own_text, source_of
from llamabot.domain.result import Decided, ToolFinished
from llamabot.domain.simple import SimpleBot
from llamabot.domain.span import span
from llamabot.domain.structured import StructuredBot
from llamabot.ports.errors import LlamabotError, UsageError
from llamabot.ports.provider import overrides

if TYPE_CHECKING:
    from llamabot.app.demo.agent import Material
    from llamabot.domain.agent import AgentBot

__all__ = ["demo"]

_MOST_TOKENS = 150
_WIDEST = 100
_QUESTION = "What is a bot?"
_WHAT_TO_TRUST = (
    "What the tools say is exact. This very small model picks the right one about nine times in ten. What it then says "
    "about a passage is wrong more often: compare."
)
_LETTER = (
    "Dear Sir or Madam, I would like to reserve a table for 6 people on Friday evening. "
    "We are celebrating my sister's birthday. Kind regards, Ana Kovac"
)


class Reservation(msgspec.Struct):
    """What the demo pulls out of a letter."""

    name: str
    people: int
    day: str


def demo(text: Path | None = None, question: str | None = None) -> None:
    """Answer a question from a text, pull an object out of another, and show what the log knows of it."""
    if text is not None and question is None:
        raise UsageError('say what to ask about the text: make demo TEXT=file QUESTION="…"')
    source = own_text() if text is None else source_of(text)
    question = checked_question(_QUESTION if question is None else question)
    model = EMBEDDED_PREFIX + _installed().name
    with session(model):
        completion: Any = overrides()["completion"]
        count_tokens = partial(completion.count_tokens, model=model)
        threading.Thread(target=_load, args=(count_tokens,), daemon=True).start()
        with span("demo") as run_id:
            excerpts = choose_excerpts(
                source.text, question, most_tokens=_MOST_TOKENS, count_tokens=count_tokens, markdown=source.markdown
            )
            _answer(source, question, excerpts, model)
            _extract(model)
            counting = [f'How often does the word "{word}" occur?' for word in excerpts.words[-1:]]
            _choose_tools(source, [question, *counting], count_tokens, model)
        _show(run_id)


def _installed() -> models.InstalledModel:
    """Return the demo's model, fetched if it is not here."""
    wanted = models.CATALOGUE[0]
    with ExitStack() as fetching:
        bar = cache(lambda: fetching.enter_context(progress_bar(wanted.name)))  # loads rich: only if there is progress

        def tell(progress: models.Progress) -> None:
            if show := bar():
                show(progress)

        model = models.install(wanted.name, progress=tell)
    if bar.cache_info().currsize:
        say(f"{model.name} ({size_text(model.size_bytes)}, {model.licence}) is now in {model.path.parent}")
    return model


def _load(count_tokens: partial[int]) -> None:
    """Have the model loaded while the text is split. What fails here fails again where it is waited for."""
    with suppress(LlamabotError):
        count_tokens("")


def _answer(source: Source, question: str, excerpts: Excerpts, model: str) -> None:
    _heading(f"1. A question about {source.name}")
    _print(f"{question}\n")
    if not excerpts.chosen:
        looked_for = ", ".join(excerpts.words) or "there is no word in it"
        _print(f"Nothing in the text matches ({looked_for}), so the model is not asked: it would have to make it up.")
        return
    count = len(excerpts.chosen)
    _print(
        f"The model sees the best-matching {'excerpt' if count == 1 else f'{count} excerpts'} of {excerpts.pieces}, "
        f"{excerpts.tokens} tokens (at most {_MOST_TOKENS}):"
    )
    for excerpt in excerpts.chosen:
        _print(f"line {excerpt.line}: “{excerpt.text}”", indent="  ")
    _print(f"\nAccording to the text, {model} answers:")
    answer(SimpleBot(model=model, name="answer").with_(**ANSWERING), *posed(question, excerpts.chosen))


def _extract(model: str) -> None:
    _heading("2. An object out of a letter")
    _print(f"“{_LETTER}”\n", indent="  ")
    fields = ", ".join(f"{field.name}: {field.type.__name__}" for field in msgspec.structs.fields(Reservation))
    _print(f"Asked for: {Reservation.__name__}({fields}). It is:")
    bot = StructuredBot("Extract the reservation.", output=Reservation, model=model, temperature=0, name="extract")
    _print(repr(bot(_LETTER)), indent="  ")


def _choose_tools(source: Source, questions: Sequence[str], count_tokens: Callable[[str], int], model: str) -> None:
    from llamabot.app.demo.agent import Material, reader  # only now: the first answer does not wait for it

    agent = reader(model)
    _heading("3. An agent with two tools")
    _print("The model decides which tool it needs. Its run walks this graph (as Mermaid text):\n")
    _print(agent.mermaid(), indent="  ")
    for question in questions:
        _print(f"\n{question}")
        _work(agent, question, Material(source, question, _MOST_TOKENS, count_tokens))
    _print(f"\n{_WHAT_TO_TRUST}")


def _work(agent: AgentBot, question: str, material: Material) -> None:
    """Let the agent work on a question, and tell what it does."""
    try:
        with agent.stream(question, state=material) as events:
            for event in events:
                match event:
                    case Decided(calls):
                        for call in calls:
                            _print(f"→ {call.name} {' '.join(call.arguments.split())}", indent="  ")
                    case ToolFinished(result):
                        _print(f"← {result.text}", indent="  ")
            _print(f"The answer: {events.result.text.strip()}")
    except LlamabotError as error:
        _print(f"The agent came to no answer: {error}")


def _show(run_id: str) -> None:
    _heading("4. What the log knows")
    recorder = overrides()["recorder"]
    if recorder is None:
        _print("Nothing: recording is off.")
        return
    display(run_tree(recorder, run_id))
    command = _command()
    _print(f"\nRecorded in {_near(Path(recorder.path))}. To see it again:")
    _print(f"{command} runs\n{command} show last", indent="  ")


def _command() -> str:
    """Return how this command is called from here."""
    found = shutil.which("llamabot")
    return "llamabot" if found else _near(Path(sys.argv[0]))


def _near(path: Path) -> str:
    """Return a path as seen from the working folder, if it is below it."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _heading(text: str) -> None:
    _print(f"\n--- {text}\n")


def _print(text: str, *, indent: str = "") -> None:
    """Write text to stdout, on a terminal with its lines broken between words."""
    lines = visible(text).split("\n")
    if is_terminal(sys.stdout):
        width = min(shutil.get_terminal_size().columns, _WIDEST) - len(indent)
        lines = [part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]
    sys.stdout.write("".join(f"{indent}{line}".rstrip() + "\n" for line in lines))
    sys.stdout.flush()
