"""Contracts: one class of tests a port, which every adapter of it passes. Needs the extra `testing`.

    class TestMyCompletion(CompletionContract):
        def make(self):
            return MyCompletion(address_of_a_server)

pytest then runs the whole suite on `MyCompletion`. The docstring of each contract says all that it asks of an adapter,
and all that its author may override. What an adapter cannot do is said with a reason; a standard test that is left out
without one is refused. `pytest --llamabot-contract-report` tells what was proven.
"""

from __future__ import annotations

import pytest

# Before they are imported: asserts in the suites say what they compared, as those in test files do.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "answers",
            "async_completion",
            "at_once",
            "claims",
            "clock",
            "completion",
            "completion_promises",
            "docstore",
            "docstore_machine",
            "docstore_model",
            "embedding",
            "memory",
            "pace",
            "recorder",
            "recorder_machine",
            "sending",
            "sending_promises",
            "shared_store",
            "source_search",
            "splitter",
            "toolbox",
        )
    )
)

from llamabot.testing.contracts.async_completion import AsyncCompletionContract  # noqa: E402 - see above
from llamabot.testing.contracts.clock import ClockContract  # noqa: E402 - see above
from llamabot.testing.contracts.completion import CompletionContract  # noqa: E402 - see above
from llamabot.testing.contracts.contract import Contract, needs  # noqa: E402 - see above
from llamabot.testing.contracts.docstore import AsyncDocStoreContract, DocStoreContract  # noqa: E402 - see above
from llamabot.testing.contracts.embedding import AsyncEmbeddingContract, EmbeddingContract  # noqa: E402 - see above
from llamabot.testing.contracts.memory import AsyncMemoryContract, MemoryContract  # noqa: E402 - see above
from llamabot.testing.contracts.recorder import RecorderContract  # noqa: E402 - see above
from llamabot.testing.contracts.source_search import SourceSearchContract  # noqa: E402 - see above
from llamabot.testing.contracts.splitter import SplitterContract  # noqa: E402 - see above
from llamabot.testing.contracts.toolbox import AsyncToolboxContract, ToolboxContract  # noqa: E402 - see above

__all__ = [
    "AsyncCompletionContract",
    "AsyncDocStoreContract",
    "AsyncEmbeddingContract",
    "AsyncMemoryContract",
    "AsyncToolboxContract",
    "ClockContract",
    "CompletionContract",
    "Contract",
    "DocStoreContract",
    "EmbeddingContract",
    "MemoryContract",
    "RecorderContract",
    "SourceSearchContract",
    "SplitterContract",
    "ToolboxContract",
    "needs",
]
