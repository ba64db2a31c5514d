"""The vendor: the `mcp` package, imported when the first server is connected to."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from llamabot.ports.errors import MissingExtra

__all__ = ["client_options", "load_mcp"]


def load_mcp() -> Any:
    """Import the vendor.

    Raises:
        MissingExtra: it is not installed, or is a version before 2.
    """
    try:
        import mcp
        from mcp import Client as Client  # versions before 2 have none
    except ImportError as error:
        raise MissingExtra.for_package("mcp 2", "mcp") from error
    logger = logging.getLogger("mcp")
    if not logger.handlers:
        # Without a handler, tracebacks of what we tell in our own words would be printed.
        logger.addHandler(logging.NullHandler())
    return mcp


def client_options(mcp: Any) -> dict[str, Any]:
    """Return what every client of ours is made with; tools are asked for anew each time, so nothing is cached."""
    return {"client_info": mcp.Implementation(name="llamabot", version=_own_version()), "cache": None}


def _own_version() -> str:
    try:
        return version("llamabot")
    except PackageNotFoundError:
        return "0"
