"""What the process-wide provider takes from a container."""

from __future__ import annotations

import subprocess
import sys

from dependency_injector import providers
from tests.integration.app.provided import ask_a_bot

import llamabot as lmb
from llamabot.app.building import Defaults
from llamabot.app.provider import AppProvider
from llamabot.app.settings import Settings
from llamabot.testing import ScriptedCompletion


def test_asks_a_container_for_each_model(provider: AppProvider) -> None:
    from dependency_injector import providers

    container = lmb.Container()
    container.completion.override(providers.Factory(lambda model, settings: ScriptedCompletion([model])))
    lmb.configure(container=container)
    assert [ask_a_bot("a"), ask_a_bot("b")] == ["a", "b"]


def test_a_store_is_given_the_splitter_of_a_configured_container(provider: AppProvider) -> None:
    container = lmb.Container()
    container.splitter.override(providers.Factory(lmb.SemanticSplitter, size=20))
    documents = [lmb.Document(id="a", text="mold is a linker. lld is one too.")]

    def found() -> list[str]:
        with lmb.FaissDocStore(embedding=False) as store:
            store.add(documents)
            return [match.passage.text for match in store.search("mold")]

    lmb.configure(container=container)
    assert found() == ["mold is a linker."]
    lmb.configure(container=None)
    assert found() == ["mold is a linker. lld is one too."]


def _add(left: int, right: int) -> int:
    return left + right


def test_no_container_is_loaded_that_was_not_configured() -> None:
    """It takes half a second, and a bot's first call would hold the event loop up for it."""
    code = (
        "import asyncio, sys, llamabot as lmb\n"
        "from llamabot.ports.provider import current_provider\n"
        "from llamabot.testing import ScriptedCompletion\n"
        "provider = current_provider()\n"
        "def f(): ...\n"
        "made = provider.completion('openai/x'), provider.embedding(), provider.splitter(), provider.toolbox([f])\n"
        "store = lmb.FaissDocStore(embedding=False)\n"
        "store.add([lmb.Document('a', 'linkers')])\n"
        "bot = lmb.AsyncQueryBot(docstore=store, completion=ScriptedCompletion(['mold [1]']))\n"
        "print(asyncio.run(bot('linkers?')).text, {'dependency_injector', 'fastapi'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "mold [1] set()", done.stderr


def test_the_defaults_are_those_of_the_container() -> None:
    container, defaults = lmb.Container(), Defaults()
    settings = Settings(model="openai/x")
    for made in (container, defaults):
        assert type(made.completion("openai/x", settings=settings)).__name__ == "LiteLLMCompletion"
    for name in ("splitter", "clock", "ids", "recorder"):
        assert type(getattr(container, name)()) is type(getattr(defaults, name)())
    assert type(container.embedding(settings=settings)) is type(defaults.embedding(settings=settings))
    assert type(container.toolbox([_add])) is type(defaults.toolbox([_add]))


def test_makes_the_toolbox_of_a_configured_container(provider: AppProvider) -> None:
    container, box = lmb.Container(), lmb.LocalToolbox([_add])
    container.toolbox.override(providers.Object(box))
    lmb.configure(container=container)
    assert provider.toolbox([_add]) is box
    lmb.configure(container=None)
    assert provider.toolbox([_add]) is not box
