"""The desk's two bots, as the container makes them: laws that any bot keeps, and what a real model said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import llamabot as lmb
from llamabot.testing.laws import check_bot
from support_desk.__main__ import KNOWLEDGE
from support_desk.application.events import Answered, SourcesFound
from support_desk.container import Settings, SupportDesk


def test_the_bots_keep_the_laws(make: Callable[..., SupportDesk]) -> None:
    container = make([])
    check_bot(container.clerk().with_, examples=3)
    check_bot(container.librarian().with_, ask="Does the warranty cover falls?", examples=3)


@pytest.mark.llamabot_recording("recordings/warranty.llamabot.json")
def test_a_small_model_answers_from_the_help_pages(tmp_path: Path) -> None:
    container = SupportDesk(settings=Settings(tmp_path, "embedded/smollm2"))
    lmb.ingest(KNOWLEDGE, docstore=container.help_pages())
    desk = container.desk()

    async def told() -> list[object]:
        return [event async for event in desk.ask(desk.open("ana"), "Does the warranty cover water?")]

    found, *_, answered = asyncio.run(told())
    container.recorder().close()
    assert found == SourcesFound(("knowledge/repairs.md, Warranty",))
    assert answered == Answered("The warranty does not cover water.")
