"""A bot that is asked, and a folder to go to with its settings."""

from __future__ import annotations

import os
from pathlib import Path

import llamabot as lmb

__all__ = ["ask_a_bot", "go_to"]


def ask_a_bot(model: str = "openai/gpt-x") -> str:
    return str(lmb.SimpleBot(model=model)("hi"))


def go_to(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    file = folder / "llamabot.toml"
    file.write_text(text)
    os.chdir(folder)
    return file
