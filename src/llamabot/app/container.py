"""The container: how the ports are wired by default. The only module that names dependency_injector.

Its providers bear the ports' names. Override one (`container.clock.override(…)`) or subclass with
`containers.copy(Container)`, then hand it to `lmb.configure(container=…)`. Constructors are not checked by the
container, so a test builds every provider.
"""

from __future__ import annotations

from dependency_injector import containers, providers

from llamabot.app.building import (
    build_clock,
    build_completion,
    build_docstore,
    build_embedding,
    build_ids,
    build_memory,
    build_recorder,
    build_splitter,
    build_toolbox,
)
from llamabot.app.settings import current_settings

__all__ = ["Container"]


class Container(containers.DeclarativeContainer):
    """Makes what bots are not given.

    Providers:
        settings: what the environment and `llamabot.toml` say, read anew when they change.
        completion: the adapter for a model's name: `container.completion("openai/gpt-5-mini")`.
        embedding: an embedder of the model that the settings name.
        splitter: cuts documents into passages.
        docstore: a store of these two: `container.docstore("store/")`, in memory without a path.
        recorder: one for the process; None where recording is off.
        memory: a new conversation.
        toolbox: one of plain functions: `container.toolbox([add, search])`.
        clock, ids: one of each for the process.
    """

    settings = providers.Callable(current_settings)
    completion = providers.Factory(build_completion, settings=settings)
    embedding = providers.Factory(build_embedding, settings=settings)
    splitter = providers.Factory(build_splitter)
    docstore = providers.Factory(build_docstore, embedding=embedding, splitter=splitter)
    recorder = providers.Singleton(build_recorder, settings=settings)
    memory = providers.Factory(build_memory)
    toolbox = providers.Factory(build_toolbox)
    clock = providers.Singleton(build_clock)
    ids = providers.Singleton(build_ids)
