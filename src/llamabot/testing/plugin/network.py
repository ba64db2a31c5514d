"""The network is closed to tests: a forgotten fake fails at once, and is neither slow nor paid for.

Sockets are pytest-socket's work, which comes with `llamabot[testing]`; here it is told when. A test that is marked to
use the network, with pytest-socket's `enable_socket` or `allow_hosts`, may; `llamabot_network` in pytest's settings
opens it to all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["pytest_addoption", "pytest_configure", "pytest_report_header", "pytest_runtest_protocol"]

_OFFLINE = "LLAMABOT_OFFLINE"
_MODES = ("closed", "loopback", "open")
_LOOPBACK = "127.0.0.1,::1"
_OPENING = ("enable_socket", "allow_hosts")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting."""
    parser.addini(
        "llamabot_network", f"what tests may reach that are not marked: {', '.join(_MODES)}", default="closed"
    )


@pytest.hookimpl(tryfirst=True)  # before pytest-socket reads its options
def pytest_configure(config: pytest.Config) -> None:
    """Have pytest-socket close the network, unless its own options say what is open.

    Raises:
        pytest.UsageError: the setting is none of those there are.
    """
    mode, option = _mode(config), config.option
    if mode not in _MODES:
        raise pytest.UsageError(f"llamabot_network = {mode}: it is one of {', '.join(_MODES)}")
    if mode == "open" or not hasattr(option, "disable_socket") or option.allow_hosts or option.force_enable_socket:
        return
    option.disable_socket = option.allow_unix_socket = True
    if mode == "loopback":
        option.allow_hosts = _LOOPBACK


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is closed and how it is opened: a test that needs a database should not puzzle anyone."""
    if _mode(config) == "open":
        return None
    return f"llamabot: the network is {_said(config)} (llamabot_network = closed, loopback or open)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Set LLAMABOT_OFFLINE for a test, from its fixtures on."""
    if _mode(item.config) == "open" or any(item.get_closest_marker(mark) for mark in _OPENING):
        return (yield)
    with _offline():
        return (yield)


def _mode(config: pytest.Config) -> str:
    mode: str = config.getini("llamabot_network")
    return mode


def _said(config: pytest.Config) -> str:
    if not hasattr(config.option, "disable_socket"):
        return "closed to bots alone: pytest-socket is not installed"
    return "closed to tests" if _mode(config) == "closed" else "this machine to tests"


@contextmanager
def _offline() -> Iterator[None]:
    before = os.environ.get(_OFFLINE)
    os.environ[_OFFLINE] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_OFFLINE, None)
        else:
            os.environ[_OFFLINE] = before
