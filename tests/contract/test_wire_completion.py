"""The direct adapter over HTTP keeps the promises of the completion port, in both colours."""

from __future__ import annotations

import pytest
from tests.contract.over_http import OverHttp

import llamabot as lmb
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract


class _Direct(OverHttp):
    def port(self) -> lmb.WireCompletion:
        return lmb.WireCompletion(base_url=self.server.api_base, api_key="sk-test")


@pytest.mark.loopback
class TestWireCompletion(_Direct, CompletionContract):
    pass


@pytest.mark.loopback
class TestAsyncWireCompletion(_Direct, AsyncCompletionContract):
    pass
