"""How tests load a file: its name and content, and the settings of the loader."""

from __future__ import annotations

from collections.abc import Callable

from llamabot.ports.documents import Document

__all__ = ["Load"]


Load = Callable[..., tuple[Document, ...]]
