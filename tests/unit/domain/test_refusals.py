"""What is said to who gives something that cannot be used: which it was, and what mends it, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pocketflow import AsyncNode, BatchFlow, BatchNode, Flow

import llamabot as lmb
from llamabot.testing import InMemoryDocStore, InMemoryRecorder, ScriptedCompletion


class Colourless:
    """Is no memory and no store."""


class Awaited:
    """A model that can be awaited only."""

    async def acomplete(self, request: Any) -> Any: ...

    async def astream(self, request: Any) -> Any: ...

    def capabilities(self, model: str) -> Any: ...


class AsyncLook(AsyncNode):
    """A node of PocketFlow's with a colour."""


class Batch(BatchNode):
    """A batch whose steps are effects."""

    def exec(self, prep_res: Any) -> Any:
        yield lmb.effects.Recall()


class Patient(lmb.DecideNode):
    """A node that is tried again by PocketFlow."""

    def __init__(self) -> None:
        super().__init__()
        self.max_retries = 2


def _graph(node: Any) -> Callable[[], Any]:
    return lambda: lmb.AgentBot(graph=Flow(start=node))


_ITSELF: list[Any] = []
_ITSELF.append(_ITSELF)
MISTAKES: dict[str, Callable[[], Any]] = {
    "image() takes exactly one of a path, url= or data=": lambda: lmb.image("a.png", url="b"),
    "url= is empty": lambda: lmb.image(url=""),
    "an image is read from a path, not from int; ": lambda: lmb.image(5),  # type: ignore[arg-type]  # the mistake
    "the image 'a\\x00b' cannot be read: that is no path; ": lambda: lmb.image("a\0b"),
    "the image 'away.png' cannot be read: No such file or directory; ": lambda: lmb.image("away.png"),
    "the data is no picture in a known format; say which with media_type=": lambda: lmb.image(data=b"RIFF...."),
    "'none.png' is no picture in a known format; say which with media_type=": lambda: lmb.image("none.png"),
    "the list of messages is nested too deeply, or holds itself": lambda: lmb.SimpleBot()(_ITSELF),
    "a bot takes strings, images, messages and lists of them, not int; a message is made with lmb.user(…), an image "
    "with lmb.image(…)": lambda: lmb.SimpleBot()(5),
    "the text has half a character (a lone surrogate) at position 1, which cannot be sent; mend it with "
    'text.encode("utf-8", "replace").decode()': lambda: lmb.SimpleBot()("a\ud800"),
    "max_attempts counts completions: it is at least 1": lambda: lmb.StructuredBot(output=int, max_attempts=0),
    "no output type: use StructuredBot(…, output=Person), or StructuredBot[Literal['a', 'b']](…)": (
        lambda: lmb.StructuredBot(completion=ScriptedCompletion(["1"]))("?")
    ),
    "completion= is an adapter, for example lmb.LiteLLMCompletion(…), not str; a model is named with model=": (
        lambda: lmb.SimpleBot(completion="gpt")
    ),
    "completion=Awaited has no complete(): it serves an async bot; use the Async class of this bot, or another "
    "adapter": (lambda: lmb.SimpleBot(completion=Awaited())),
    "memory=Colourless cannot serve this bot: a memory has recall() and remember(), or arecall() and aremember() for "
    "async bots": lambda: lmb.SimpleBot(memory=Colourless()),
    "memory=ChatMemory is a class; make an object of it: ChatMemory(…)": lambda: lmb.SimpleBot(memory=lmb.ChatMemory),
    'docstore= is a document store, for example lmb.FaissDocStore("store/"), not Colourless': (
        lambda: lmb.QueryBot(docstore=Colourless())
    ),
    "the graph has no start: Flow(start=…)": _graph(None),
    "asynclook is an AsyncNode: nodes have no colour here, their exec yields effects": _graph(AsyncLook()),
    "batch is a batch: an exec that yields effects.Together does several things at once": _graph(Batch()),
    "batchflow is a batch: an exec that yields effects.Together does several things at once": _graph(BatchFlow()),
    "patient has max_retries, which a node that yields effects cannot have": _graph(Patient()),
}


def look() -> None:
    """Look."""


@pytest.fixture(autouse=True)
def _a_file_that_is_no_picture() -> None:
    Path("none.png").write_bytes(b"none")


@pytest.mark.parametrize("said", MISTAKES, ids=lambda said: re.sub(r"\W+", " ", said)[:60])
def test_a_refusal_says_what_it_was_and_what_mends_it(said: str) -> None:
    with pytest.raises((lmb.errors.LlamabotError, TypeError)) as error, lmb.override(recorder=InMemoryRecorder()):
        MISTAKES[said]()
    told = str(error.value)
    assert told.startswith(said) if said.endswith("; ") else told == said


@pytest.mark.parametrize(
    ("bot", "answer"),
    [
        (lmb.SimpleBot(), "yes"),
        (lmb.StructuredBot(output=Literal["yes"]), '"yes"'),
        (lmb.ToolBot(tools=[look]), "yes"),
        (lmb.AgentBot(tools=[look]), "yes"),
        (lmb.QueryBot(docstore=InMemoryDocStore([lmb.Document("a", "What? Yes.")])), "yes"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("reason", [lmb.FinishReason.STOP, lmb.FinishReason.OTHER])
def test_every_bot_says_why_its_model_ended(bot: Any, answer: str, reason: lmb.FinishReason) -> None:
    model = ScriptedCompletion([lmb.Completion(lmb.AssistantMessage(answer), reason)])
    assert bot.with_(completion=model, recorder=InMemoryRecorder()).run("What?").finish_reason is reason
