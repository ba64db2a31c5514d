from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import NoReturn

import pytest
from tests.unit.wrap.four_ways import outcome, request

import llamabot as lmb
from llamabot.ports.errors import AuthenticationFailed
from llamabot.testing import FunctionCompletion


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("way", ["complete", "stream"])  # an event loop holds errors longer
@pytest.mark.usefixtures("_no_collector")
def test_an_error_and_what_it_holds_are_gone_when_nobody_looks_at_it_any_more(way: str) -> None:
    raised: list[weakref.ref[AuthenticationFailed]] = []

    def made() -> AuthenticationFailed:
        error = AuthenticationFailed("no such key")
        raised.append(weakref.ref(error))
        return error

    def refuse(_: lmb.CompletionRequest) -> NoReturn:
        raise made()

    assert outcome(way, lmb.Retry(FunctionCompletion(refuse)), request()) == "AuthenticationFailed"
    assert [error() for error in raised] == [None]
