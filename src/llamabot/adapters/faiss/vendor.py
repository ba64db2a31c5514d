"""FAISS, loaded when it is first used."""

from __future__ import annotations

from typing import Any

from llamabot.ports.errors import MissingExtra

__all__ = ["load_faiss"]


def load_faiss() -> Any:
    """Return the module. Its own types know little of what it offers.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package("faiss-cpu", "faiss") from error
    return faiss
