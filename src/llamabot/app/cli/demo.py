"""`llamabot demo`: the main job on a model of this machine, step by step, recorded."""

from __future__ import annotations

import hashlib
import shutil
import sys
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
from llamabot.app.cli.pages import heading, print_text
from llamabot.app.cli.places import store_place
from llamabot.app.cli.session import session
from llamabot.app.cli.show import run_tree
from llamabot.app.cli.terminal import display, say
from llamabot.app.demo.excerpts import Excerpts, choose_excerpts
from llamabot.app.demo.folders import own_documents
from llamabot.app.demo.questions import ANSWERING, checked_question, posed
from llamabot.app.demo.texts import Source, own_text, source_of
from llamabot.app.settings import working_folder
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


def demo(text: Path | None = None, question: str | None = None, docs: Path | None = None) -> None:
    """Answer from a text, pull an object out of another, choose tools, answer from documents, and show the log.

    Args:
        text: to ask about; by default the README.
        question: about the text, or about the documents.
        docs: a folder, or a file, to ask about; then nothing else is shown.
    """
    if docs is not None:
        _about_documents(docs, text, question)
        return
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
            own = [] if text else own_documents()
            if own:
                _from_documents(own, "this project's", question, model, number=4, store="demo")
        _show(run_id, number=5 if own else 4)


def _about_documents(folder: Path, text: Path | None, question: str | None) -> None:
    """Answer from a folder alone."""
    if text is not None:
        raise UsageError("ask about one text, TEXT=file, or about a folder of them, DOCS=folder")
    from llamabot.app.ingest.roots import read_roots  # only now: the first answer of the others does not wait for it

    question = None if question is None else checked_question(question)
    (root,) = read_roots([folder])
    store = f"demo-{hashlib.sha256(repr(root).encode()).hexdigest()[:8]}"  # two folders may have the same name
    model = EMBEDDED_PREFIX + _installed().name
    with session(model):
        with span("demo") as run_id:
            _from_documents([folder], str(folder), question, model, number=1, store=store)
        _show(run_id, number=2)


def _from_documents(
    folders: Sequence[Path], name: str, question: str | None, model: str, *, number: int, store: str
) -> None:
    from llamabot.app.cli.demo_documents import answer_from_documents  # only now: the first answer does not wait for it

    place = store_place(Path(working_folder()), store)
    answer_from_documents(folders, name, question, model, number=number, place=place, install=_installed)


def _installed(name: str = models.CATALOGUE[0].name) -> models.InstalledModel:
    """Return a model of the demo's, fetched if it is not here."""
    with ExitStack() as fetching:
        bar = cache(lambda: fetching.enter_context(progress_bar(name)))  # loads rich: only if there is progress

        def tell(progress: models.Progress) -> None:
            if show := bar():
                show(progress)

        model = models.install(name, progress=tell)
    if bar.cache_info().currsize:
        say(f"{model.name} ({size_text(model.size_bytes)}, {model.licence}) is now in {model.path.parent}")
    return model


def _load(count_tokens: partial[int]) -> None:
    """Have the model loaded while the text is split. What fails here fails again where it is waited for."""
    with suppress(LlamabotError):
        count_tokens("")


def _answer(source: Source, question: str, excerpts: Excerpts, model: str) -> None:
    heading(f"1. A question about {source.name}")
    print_text(f"{question}\n")
    if not excerpts.chosen:
        looked_for = ", ".join(excerpts.words) or "there is no word in it"
        print_text(
            f"Nothing in the text matches ({looked_for}), so the model is not asked: it would have to make it up."
        )
        return
    count = len(excerpts.chosen)
    print_text(
        f"The model sees the best-matching {'excerpt' if count == 1 else f'{count} excerpts'} of {excerpts.pieces}, "
        f"{excerpts.tokens} tokens (at most {_MOST_TOKENS}):"
    )
    for excerpt in excerpts.chosen:
        print_text(f"line {excerpt.line}: “{excerpt.text}”", indent="  ")
    print_text(f"\nAccording to the text, {model} answers:")
    answer(SimpleBot(model=model, name="answer").with_(**ANSWERING), *posed(question, excerpts.chosen))


def _extract(model: str) -> None:
    heading("2. An object out of a letter")
    print_text(f"“{_LETTER}”\n", indent="  ")
    fields = ", ".join(f"{field.name}: {field.type.__name__}" for field in msgspec.structs.fields(Reservation))
    print_text(f"Asked for: {Reservation.__name__}({fields}). It is:")
    bot = StructuredBot("Extract the reservation.", output=Reservation, model=model, temperature=0, name="extract")
    print_text(repr(bot(_LETTER)), indent="  ")


def _choose_tools(source: Source, questions: Sequence[str], count_tokens: Callable[[str], int], model: str) -> None:
    from llamabot.app.demo.agent import Material, reader  # only now: the first answer does not wait for it

    agent = reader(model)
    heading("3. An agent with two tools")
    print_text("The model decides which tool it needs. Its run walks this graph (as Mermaid text):\n")
    print_text(agent.mermaid(), indent="  ")
    for question in questions:
        print_text(f"\n{question}")
        _work(agent, question, Material(source, question, _MOST_TOKENS, count_tokens))
    print_text(f"\n{_WHAT_TO_TRUST}")


def _work(agent: AgentBot, question: str, material: Material) -> None:
    """Let the agent work on a question, and tell what it does."""
    try:
        with agent.stream(question, state=material) as events:
            for event in events:
                match event:
                    case Decided(calls):
                        for call in calls:
                            print_text(f"→ {call.name} {' '.join(call.arguments.split())}", indent="  ")
                    case ToolFinished(result):
                        print_text(f"← {result.text}", indent="  ")
            print_text(f"The answer: {events.result.text.strip()}")
    except LlamabotError as error:
        print_text(f"The agent came to no answer: {error}")


def _show(run_id: str, *, number: int) -> None:
    heading(f"{number}. What the log knows")
    recorder = overrides()["recorder"]
    if recorder is None:
        print_text("Nothing: recording is off.")
        return
    display(run_tree(recorder, run_id))
    command = _command()
    print_text(f"\nRecorded in {_near(Path(recorder.path))}. To see it again:")
    print_text(f"{command} runs\n{command} show last", indent="  ")


def _command() -> str:
    """Return how this command is called from here."""
    found = shutil.which("llamabot")
    return "llamabot" if found else _near(Path(sys.argv[0]))


def _near(path: Path) -> str:
    """Return a path as seen from the working folder, if it is below it."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
